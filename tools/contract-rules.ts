/** What every operation of the public contracts must say. Pure, over a bundled document. */
import { listOperations, resolveReference } from '#libs/contract-runtime/document.ts';
import type { OpenApiDocument, OperationInfo } from '#libs/contract-runtime/document.ts';
import { SchemaCompiler } from '#libs/contract-runtime/schemas.ts';

/** Every violation as one line. */
export function checkContract(document: OpenApiDocument): string[] {
  const operations = listOperations(document);
  const compiler = new SchemaCompiler(document);
  return [
    ...repeated(operations.map((info) => info.operationId)).map((id) => `${id} stands more than once`),
    ...operations.flatMap((info) =>
      [...checkOperation(info), ...checkSchemas(document, info, compiler)].map((text) => `${info.operationId} ${text}`),
    ),
  ];
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
}

function checkOperation(info: OperationInfo): string[] {
  const { operation } = info;
  const statuses = Object.keys(operation.responses);
  const inPath = [...info.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  const declared = info.parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
  return [
    info.permissions === undefined && 'has no x-permission (an empty list is a decision, none is not)',
    info.anonymous && (info.permissions ?? []).length > 0 && 'is anonymous but asks for permissions',
    !statuses.some((status) => status.startsWith('2')) && 'declares no success',
    !info.anonymous && !statuses.includes('401') && 'does not declare 401',
    !info.anonymous && !statuses.includes('403') && 'does not declare 403',
    info.asynchronous && !statuses.includes('201') && 'is x-async but does not declare 201',
    info.asynchronous && info.method === 'get' && 'is a read and x-async',
    info.asynchronous &&
      info.permissions?.includes('activity_read') !== true &&
      'is x-async without activity_read: its caller could not poll',
    (inPath.length !== declared.length || inPath.some((name) => !declared.includes(name))) &&
      'declares other path parameters than its path has',
    operation.summary === undefined && 'has no summary',
  ].filter((problem) => problem !== false);
}

function checkSchemas(document: OpenApiDocument, info: OperationInfo, compiler: SchemaCompiler): string[] {
  const contents = [
    info.operation.requestBody?.content ?? {},
    ...Object.values(info.operation.responses).map((response) => resolveReference(document, response).content ?? {}),
  ];
  return contents.flatMap((content) =>
    Object.values(content).flatMap(({ schema }) => {
      if (schema === undefined) return [];
      try {
        compiler.compile(schema);
        return [];
      } catch (error) {
        return [`has a schema that does not compile: ${(error as Error).message}`];
      }
    }),
  );
}
