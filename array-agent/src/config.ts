import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import type { TlsIdentity } from '#libs/agent-http/tls-identity.ts';
import type { QsdOptions } from './qsd/config.ts';

/** The configuration file of an array-agent. */
export interface ArrayAgentConfig {
  readonly id: string;
  readonly name: string;
  readonly endpoint: string;
  readonly tls: TlsIdentity;
  readonly stateDir: string;
  readonly runDir: string;
  readonly driver: 'qsd';
  /** What the pools may promise together. */
  readonly capacityBytes: number;
  /** Holds `<poolId>.key`; outside the state folder, so that a stolen disk does not carry its own keys. */
  readonly keysDir: string;
  readonly qsd: QsdOptions;
  readonly logLevel?: string;
}

const text = { type: 'string', minLength: 1 };
const id = { type: 'integer', minimum: 0 };
const schema = {
  type: 'object',
  required: ['id', 'name', 'endpoint', 'tls', 'stateDir', 'runDir', 'driver', 'capacityBytes', 'keysDir', 'qsd'],
  properties: {
    id: text,
    name: text,
    endpoint: text,
    stateDir: text,
    runDir: text,
    keysDir: text,
    logLevel: text,
    driver: { const: 'qsd' },
    capacityBytes: { type: 'integer', minimum: 1 },
    tls: { type: 'object', required: ['ca', 'cert', 'key'], properties: { ca: text, cert: text, key: text } },
    qsd: {
      type: 'object',
      required: ['binary', 'uid', 'gid', 'clientGid'],
      properties: { binary: text, uid: id, gid: id, clientGid: id, reserveBytes: id },
    },
  },
};

/** Reads a configuration file. @throws Error that names the file and the member at fault */
export async function loadConfig(file: string): Promise<ArrayAgentConfig> {
  const ajv = new Ajv();
  const check = ajv.compile<ArrayAgentConfig>(schema);
  const config: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (!check(config)) throw new Error(`${file}: ${ajv.errorsText(check.errors, { dataVar: 'config' })}`);
  return config;
}
