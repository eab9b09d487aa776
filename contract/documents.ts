/** The bundled contracts, as the processes load them. */
import { readFileSync } from 'node:fs';
import type { OpenApiDocument } from '#libs/contract-runtime/document.ts';

function read(name: string): OpenApiDocument {
  return JSON.parse(readFileSync(new URL(`generated/${name}.json`, import.meta.url), 'utf8')) as OpenApiDocument;
}

export const tenantDocument: OpenApiDocument = read('tenant');
export const providerDocument: OpenApiDocument = read('provider');
