import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import type { JSONSchemaType } from 'ajv';
import { parse } from 'yaml';

/** What an operator may ask for in a topology file; whatever is left out has a default. See docs/operations.md. */
export interface TopologyInput {
  readonly region?: RegionInput;
  readonly listen?: ListenInput;
  /** Number of control-plane replicas. Replica n listens 10 × (n − 1) above the ports given. */
  readonly controlPlanes?: number;
  readonly network?: NetworkInput;
  readonly database?: { readonly port?: number };
  /** For every host that does not say otherwise. */
  readonly host?: HostInput;
  /** For every array that does not say otherwise. */
  readonly array?: ArrayInput;
  readonly zones?: readonly ZoneInput[];
  readonly organisations?: readonly { readonly name: string; readonly tenants: readonly string[] }[];
}
export interface RegionInput {
  readonly name?: string;
  readonly description?: string;
  readonly countryCode?: string;
  readonly geography?: string;
}
export interface ListenInput {
  readonly address?: string;
  readonly tenantPort?: number;
  /** 0 for no plain HTTP listener. */
  readonly plainPort?: number;
  readonly providerPort?: number;
}
export interface NetworkInput {
  /** The /24 between hosts. */
  readonly underlayPrefix?: string;
  /** What floating addresses are taken from. */
  readonly providerPrefix?: string;
}
export interface HostInput {
  readonly cores?: number;
  readonly memoryMib?: number;
  readonly overcommit?: number;
}
export interface PoolInput {
  readonly storageClass: string;
  readonly sizeGib: number;
  readonly encrypted?: boolean;
}
export interface ArrayInput {
  readonly capacityGib?: number;
  readonly pools?: readonly PoolInput[];
}
export interface ZoneInput {
  readonly name: string;
  readonly code: string;
  readonly site: string;
  /** Number of hosts; 1 by default. */
  readonly hosts?: number;
  readonly host?: HostInput;
  readonly array?: ArrayInput;
}

/** A topology that cannot be; one line per fault. */
export class TopologyError extends Error {
  override name = 'TopologyError';
}

const label = { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$' } as const;
const port = { type: 'integer', minimum: 1, maximum: 65535 } as const;
const prefix24 = { type: 'string', pattern: '^\\d{1,3}(\\.\\d{1,3}){2}\\.0/24$' } as const;
const text = { type: 'string', minLength: 1, maxLength: 255 } as const;
const host = {
  type: 'object',
  additionalProperties: false,
  properties: {
    cores: { type: 'integer', minimum: 1, maximum: 1024 },
    memoryMib: { type: 'integer', minimum: 256 },
    overcommit: { type: 'number', minimum: 1, maximum: 64 },
  },
} as const;
const array = {
  type: 'object',
  additionalProperties: false,
  properties: {
    capacityGib: { type: 'integer', minimum: 1 },
    pools: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['storageClass', 'sizeGib'],
        properties: { storageClass: label, sizeGib: { type: 'integer', minimum: 1 }, encrypted: { type: 'boolean' } },
      },
    },
  },
} as const;
const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    region: {
      type: 'object',
      additionalProperties: false,
      properties: {
        name: label,
        description: text,
        countryCode: { type: 'string', pattern: '^[A-Z]{2}$' },
        geography: text,
      },
    },
    listen: {
      type: 'object',
      additionalProperties: false,
      properties: {
        address: text,
        tenantPort: port,
        plainPort: { type: 'integer', minimum: 0, maximum: 65535 },
        providerPort: port,
      },
    },
    controlPlanes: { type: 'integer', minimum: 1, maximum: 9 },
    network: {
      type: 'object',
      additionalProperties: false,
      properties: { underlayPrefix: prefix24, providerPrefix: prefix24 },
    },
    database: { type: 'object', additionalProperties: false, properties: { port } },
    host,
    array,
    zones: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'code', 'site'],
        properties: {
          name: label,
          code: text,
          site: text,
          hosts: { type: 'integer', minimum: 1, maximum: 64 },
          host,
          array,
        },
      },
    },
    organisations: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'tenants'],
        properties: { name: text, tenants: { type: 'array', minItems: 1, items: text } },
      },
    },
  },
};

/** Reads and checks a topology file (YAML, of which JSON is a part). @throws TopologyError naming file, place and fault */
export function readTopologyFile(path: string): TopologyInput {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new TopologyError(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  return checkTopology(content ?? {}, path);
}

/** Checks what a topology file holds. @throws TopologyError */
export function checkTopology(content: unknown, source: string): TopologyInput {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  // Ajv's own type for schemas asks for `nullable` on every optional member; the tests hold the two together instead.
  const validate = ajv.compile<TopologyInput>(schema as unknown as JSONSchemaType<TopologyInput>);
  if (validate(content)) return content;
  const faults = (validate.errors ?? []).map((error) => {
    const place = error.instancePath.slice(1).replaceAll('/', '.') || 'the file';
    const extra = error.keyword === 'additionalProperties' ? ` (${String(error.params['additionalProperty'])})` : '';
    return `${source}: ${place} ${error.message ?? 'is wrong'}${extra}`;
  });
  throw new TopologyError(faults.join('\n'));
}
