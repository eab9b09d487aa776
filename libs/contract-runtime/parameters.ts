/** Path and query parameters: from text to the types of the contract. */
import type { ValidateFunction } from 'ajv/dist/2020.js';
import type { OperationInfo, Parameter, Schema } from './document.ts';
import { ApiError } from './errors.ts';
import { checkText } from './json-body.ts';
import { explain, UUID } from './schemas.ts';
import type { SchemaCompiler } from './schemas.ts';

type RawQuery = Record<string, string | string[] | undefined>;

/** Reads path parameters. An id that is not a UUID names nothing: 404, or what `x-bastide-malformed-id` says. */
export function pathReader(info: OperationInfo): (raw: Record<string, string>) => Record<string, string> {
  const parameters = info.parameters.filter((parameter) => parameter.in === 'path');
  const badId = info.operation['x-bastide-malformed-id'] === 400 ? 'invalid_request' : 'not_found';
  return (raw) => {
    const result: Record<string, string> = {};
    for (const parameter of parameters) {
      const text = raw[parameter['x-bastide-rest-of-path'] === true ? '*' : parameter.name] ?? '';
      result[parameter.name] = readPathParameter(parameter, text, badId);
    }
    return result;
  };
}

function readPathParameter(parameter: Parameter, text: string, badId: 'invalid_request' | 'not_found'): string {
  checkText(text);
  const { schema, name } = parameter;
  if (schema.format === 'uuid') {
    if (UUID.test(text)) return text.toLowerCase();
    if (badId === 'not_found') throw new ApiError('not_found');
    throw new ApiError('invalid_request', { detail: `the path parameter "${name}" must be a UUID` });
  }
  if (text === '' || (schema.enum !== undefined && !schema.enum.includes(text))) throw new ApiError('not_found');
  return text;
}

/** Reads query parameters. Unknown ones are ignored, empty ones count as not sent, defaults are filled in. */
export function queryReader(info: OperationInfo, compiler: SchemaCompiler): (raw: RawQuery) => Record<string, unknown> {
  const parameters = info.parameters.filter((parameter) => parameter.in === 'query');
  if (parameters.length === 0) return () => ({});
  const validate = compiler.compile(querySchema(parameters));
  return (raw) => {
    const result: Record<string, unknown> = {};
    for (const parameter of parameters) {
      const value = readQueryParameter(parameter, raw);
      if (value !== undefined) result[parameter.name] = value;
    }
    return checkedQuery(validate, result);
  };
}

function querySchema(parameters: readonly Parameter[]): Schema {
  return {
    type: 'object',
    required: parameters.filter((parameter) => parameter.required === true).map((parameter) => parameter.name),
    properties: Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter.schema])),
  };
}

function checkedQuery(validate: ValidateFunction, query: Record<string, unknown>): Record<string, unknown> {
  if (validate(query)) return query;
  throw new ApiError('invalid_request', { detail: explain(validate.errors, 'query') });
}

function readQueryParameter(parameter: Parameter, raw: RawQuery): unknown {
  if (parameter.schema.type === 'array') {
    const items = parameter.schema.items ?? {};
    const given = [raw[`${parameter.name}[]`] ?? []].flat();
    return given.length === 0 ? undefined : given.map((text) => coerce(items, text));
  }
  const text = raw[parameter.name];
  if (text === undefined || text === '') return undefined;
  if (typeof text === 'string') return coerce(parameter.schema, text);
  throw new ApiError('invalid_request', { detail: `the query member "${parameter.name}" is given more than once` });
}

const INTEGER = /^-?\d{1,15}$/;

/** What cannot be coerced stays text, so that validation names the member and the type it wants. */
function coerce(schema: Schema, text: string): unknown {
  checkText(text);
  switch (schema.type) {
    case 'integer':
      return INTEGER.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    default:
      return schema.format === 'uuid' ? text.toLowerCase() : text;
  }
}
