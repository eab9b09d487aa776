/** Checks answers against the contract: cheap rules always, schemas where asked for (every test does). */
import type { ValidateFunction } from 'ajv/dist/2020.js';
import type { AnyReply } from './call.ts';
import { resolveReference } from './document.ts';
import type { OpenApiDocument, OperationInfo, ResponseObject } from './document.ts';
import type { SchemaCompiler } from './schemas.ts';

/** Returns what is wrong with a reply, or nothing. */
export type ReplyCheck = (reply: AnyReply) => string | undefined;

/** `Location` appears exactly on started activities; a client takes it anywhere else for an error. */
export function locationCheck(info: OperationInfo): ReplyCheck {
  return (reply) => {
    const hasLocation = Object.keys(reply.headers ?? {}).some((name) => name.toLowerCase() === 'location');
    if (hasLocation === info.asynchronous) return undefined;
    return hasLocation ? 'sends Location but is not x-async' : 'is x-async but sends no Location';
  };
}

/** Status, body and its schema as declared. */
export function schemaCheck(document: OpenApiDocument, info: OperationInfo, compiler: SchemaCompiler): ReplyCheck {
  const declared = new Map(
    Object.entries(info.operation.responses).map(([status, response]) => [
      status,
      bodyCheck(resolveReference(document, response), compiler),
    ]),
  );
  return (reply) => {
    const check = declared.get(String(reply.status));
    return check === undefined ? `answers the undeclared status ${reply.status}` : check(reply);
  };
}

function bodyCheck(response: ResponseObject, compiler: SchemaCompiler): ReplyCheck {
  const [content] = Object.entries(response.content ?? {});
  if (content === undefined) {
    return (reply) =>
      reply.body === undefined && reply.text === undefined ? undefined : 'sends a body that is not declared';
  }
  const [mediaType, { schema }] = content;
  const validate = schema === undefined ? undefined : compiler.compile(schema);
  const isJson = mediaType.includes('json');
  return (reply) => {
    const value = isJson ? reply.body : reply.text;
    if (value === undefined) return `sends no ${mediaType} body`;
    return validate === undefined ? undefined : mismatch(validate, isJson ? asSent(value) : value);
  };
}

/** Dates and `undefined` members look different on the wire. */
function asSent(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function mismatch(validate: ValidateFunction, value: unknown): string | undefined {
  if (validate(value)) return undefined;
  const [error] = validate.errors ?? [];
  return `sends a body off the contract: ${error?.instancePath ?? ''} ${error?.message ?? ''} ${JSON.stringify(error?.params)}`;
}
