import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { parse } from 'yaml';
import { invalidSpec } from './problem.ts';
import type { AgentRequest, AgentRoute } from './route.ts';

/** Ids become file names, so the URN form and upper case that the general format allows are refused. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema?: unknown;
}
interface Operation {
  operationId?: string;
  parameters?: unknown[];
  requestBody?: { required?: boolean; content?: Record<string, unknown> };
}
interface Document {
  paths: Record<string, Record<string, unknown>>;
}
interface Checks {
  readonly body: ValidateFunction | undefined;
  readonly bodyRequired: boolean;
  readonly parameters: readonly { name: string; in: string; required: boolean; check: ValidateFunction }[];
}

/** An agent contract (OpenAPI 3.1, JSON Schema 2020-12), compiled once, that checks requests against itself. */
export class AgentContract {
  readonly #operations = new Map<string, Checks>();

  private constructor(document: Document) {
    const ajv = new Ajv2020({ strict: false, allErrors: false, coerceTypes: false, formats: { ...fullFormats, uuid } });
    const coercing = new Ajv2020({ strict: false, coerceTypes: true, formats: { ...fullFormats, uuid } });
    for (const each of [ajv, coercing]) each.addSchema(document, 'contract');
    for (const [path, item] of Object.entries(document.paths)) {
      for (const method of ['get', 'put', 'post', 'delete']) {
        const operation = item[method] as Operation | undefined;
        if (operation === undefined) continue;
        const at = ['paths', path, method];
        const hasBody = operation.requestBody?.content?.['application/json'] !== undefined;
        this.#operations.set(`${method.toUpperCase()} ${shape(path)}`, {
          body: hasBody ? compile(ajv, [...at, 'requestBody', 'content', 'application/json', 'schema']) : undefined,
          bodyRequired: operation.requestBody?.required === true,
          parameters: [...list(item['parameters']), ...list(operation.parameters)].map((raw) => {
            const parameter = resolve(document, raw) as Parameter;
            const schema = { $ref: undefined, ...(parameter.schema as object) };
            delete schema.$ref;
            const check = coercing.compile({ type: 'object', properties: { value: schema } });
            return { name: parameter.name, in: parameter.in, required: parameter.required === true, check };
          }),
        });
      }
    }
  }

  /** Reads a contract from its YAML file. @throws when the file is not one */
  static async load(file: string | URL): Promise<AgentContract> {
    return new AgentContract(parse(await readFile(file, 'utf8')) as Document);
  }

  /** `METHOD /path/{}` of every operation, parameters unnamed: to compare with a table of routes. */
  operations(): string[] {
    return [...this.#operations.keys()];
  }

  /** @throws AgentProblem 422 `invalid_spec` that names the member at fault */
  check(route: AgentRoute, request: Pick<AgentRequest, 'params' | 'query' | 'body'>): void {
    const checks = this.#operations.get(operationKey(route));
    if (checks === undefined) return;
    const pathValues = Object.values(request.params);
    let pathIndex = 0;
    for (const parameter of checks.parameters) {
      const value = parameter.in === 'path' ? pathValues[pathIndex++] : request.query[parameter.name];
      if (value === undefined) {
        if (parameter.required) throw invalidSpec(parameter.name, 'is required');
      } else if (!parameter.check({ value })) {
        throw invalidSpec(parameter.name, reasonOf(parameter.check.errors));
      }
    }
    if (request.body === undefined) {
      if (checks.bodyRequired) throw invalidSpec('body', 'is required');
    } else if (checks.body !== undefined && !checks.body(request.body)) {
      throw invalidSpec(memberOf(checks.body.errors), reasonOf(checks.body.errors));
    }
  }
}

/** `METHOD /path/{}` of a route: the key `AgentContract.operations` uses. */
export function operationKey(route: AgentRoute): string {
  return `${route.method} ${shape(route.path)}`;
}

function shape(path: string): string {
  return path.replace(/:[^/]+|\{[^/]+\}/g, '{}');
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function resolve(document: Document, value: unknown): unknown {
  const ref = (value as { $ref?: string }).$ref;
  if (ref === undefined) return value;
  let at: unknown = document;
  for (const key of ref.slice('#/'.length).split('/')) at = (at as Record<string, unknown>)[key];
  return at;
}

function compile(ajv: Ajv2020, pointer: readonly string[]): ValidateFunction {
  const escaped = pointer.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1')));
  return ajv.compile({ $ref: `contract#/${escaped.join('/')}` });
}

function memberOf(errors: ErrorObject[] | null | undefined): string {
  const first = errors?.[0];
  const params = first?.params as { missingProperty?: string; additionalProperty?: string } | undefined;
  const child = params?.missingProperty ?? params?.additionalProperty;
  return `${first?.instancePath ?? ''}${child === undefined ? '' : `/${child}`}` || 'body';
}

function reasonOf(errors: ErrorObject[] | null | undefined): string {
  const first = errors?.[0];
  if (first?.keyword === 'required') return 'is required';
  if (first?.keyword === 'additionalProperties') return 'is not a known member';
  if (first?.keyword === 'enum') {
    return `must be one of ${(first.params as { allowedValues: unknown[] }).allowedValues.join(', ')}`;
  }
  return first?.message ?? 'is not valid';
}
