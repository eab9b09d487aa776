/** OpenAPI 3.1 schemas and operations as TypeScript. Why not a library: docs/decisions/003-own-type-emitter.md. */
import { listOperations, resolveReference } from '#libs/contract-runtime/document.ts';
import type { OpenApiDocument, OperationInfo, Parameter, Schema } from '#libs/contract-runtime/document.ts';

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** One TypeScript module for a bundled document: a type per schema and the `Operations` interface. */
export function emitTypes(document: OpenApiDocument, source: string): string {
  const schemas = Object.entries(document.components?.schemas ?? {});
  const lines = [`// Generated from ${source} by tools/generate.ts. Do not edit.`, ''];
  for (const [name, schema] of schemas) lines.push(...emitSchema(name, schema), '');
  lines.push('/** Every operation: what it takes and what it answers per status. */', 'export interface Operations {');
  for (const info of listOperations(document)) lines.push(...emitOperation(document, info));
  lines.push('}', '');
  return lines.join('\n');
}

function emitSchema(name: string, schema: Schema): string[] {
  const text = typeOf(schema);
  const isInterface = schema.type === 'object' && schema.properties !== undefined && text.startsWith('{');
  return [
    ...comment(schema.description),
    isInterface ? `export interface ${name} ${text}` : `export type ${name} = ${text};`,
  ];
}

function comment(description: unknown): string[] {
  if (typeof description !== 'string') return [];
  return [`/** ${description.trim().replaceAll('*/', '* /').replaceAll(/\s+/g, ' ')} */`];
}

/** The TypeScript type of a schema. */
function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map((value) => JSON.stringify(value)));
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives !== undefined) return union(alternatives.map(typeOf));
  if (schema.allOf !== undefined) return schema.allOf.map(typeOf).join(' & ');
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type })));
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    case 'array':
      return `${wrapped(typeOf(schema.items ?? {}))}[]`;
    case 'object':
      return objectType(schema);
    default:
      return schema.properties === undefined ? 'unknown' : objectType(schema);
  }
}

function union(types: string[]): string {
  return [...new Set(types)].join(' | ');
}

function wrapped(type: string): string {
  return /[ |&]/.test(type) && !type.startsWith('{') ? `(${type})` : type;
}

function objectType(schema: Schema): string {
  const required = new Set(schema.required);
  const members = Object.entries(schema.properties ?? {}).map(([name, member]) => {
    const doc = comment(member.description)
      .map((line) => `${line}\n`)
      .join('');
    return `${doc}${IDENTIFIER.test(name) ? name : JSON.stringify(name)}${required.has(name) ? '' : '?'}: ${typeOf(member)};`;
  });
  const rest = schema.additionalProperties;
  if (typeof rest === 'object') {
    const record = `Record<string, ${typeOf(rest)}>`;
    return members.length === 0 ? record : `{ ${members.join('\n')} } & ${record}`;
  }
  if (members.length === 0) return 'Record<string, unknown>';
  if (rest === true) members.push('[member: string]: unknown;');
  return `{\n${members.join('\n')}\n}`;
}

function emitOperation(document: OpenApiDocument, info: OperationInfo): string[] {
  const { operation } = info;
  const body = operation.requestBody?.content['application/json']?.schema;
  return [
    ...comment(`${info.method.toUpperCase()} ${info.path} - ${operation.summary ?? ''}`),
    `${info.operationId}: {`,
    `anonymous: ${info.anonymous};`,
    `params: ${parameterType(info.parameters, 'path')};`,
    `query: ${parameterType(info.parameters, 'query')};`,
    `body: ${body === undefined ? 'undefined' : typeOf(body)};`,
    'responses: {',
    ...Object.entries(operation.responses)
      .filter(([status]) => /^\d+$/.test(status))
      .map(([status, response]) => {
        const content = Object.entries(resolveReference(document, response).content ?? {})[0];
        return `${status}: ${content === undefined ? 'undefined' : typeOf(content[1].schema ?? {})};`;
      }),
    '};',
    '};',
  ];
}

/** A query parameter with a default is always there: the runtime fills it in. */
function parameterType(parameters: readonly Parameter[], place: 'path' | 'query'): string {
  const members = parameters
    .filter((parameter) => parameter.in === place)
    .map((parameter) => {
      const present = parameter.required === true || parameter.schema.default !== undefined;
      const name = IDENTIFIER.test(parameter.name) ? parameter.name : JSON.stringify(parameter.name);
      return `${name}${present ? '' : '?'}: ${typeOf(parameter.schema)};`;
    });
  return members.length === 0 ? 'Record<string, never>' : `{ ${members.join(' ')} }`;
}
