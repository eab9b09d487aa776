/** Ajv over the schemas of a document: formats, base64, messages that name the member and what to change. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import type { OpenApiDocument, Schema } from './document.ts';

/** Canonical form only: `urn:uuid:` is not an id here. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Compiles schemas that may refer to the components of one document. */
export class SchemaCompiler {
  readonly #ajv: Ajv2020;
  readonly #root = 'bastide:contract';

  constructor(document: OpenApiDocument) {
    this.#ajv = new Ajv2020({ strict: false, useDefaults: true, allErrors: false, validateFormats: true });
    for (const [name, format] of Object.entries(fullFormats)) this.#ajv.addFormat(name, format);
    this.#ajv.addFormat('uuid', UUID);
    this.#ajv.removeKeyword('contentEncoding');
    this.#ajv.addKeyword({
      keyword: 'contentEncoding',
      type: 'string',
      validate: (encoding: string, text: string) => encoding !== 'base64' || BASE64.test(text),
    });
    this.#ajv.addSchema({ $id: this.#root, components: { schemas: document.components?.schemas ?? {} } });
  }

  compile(schema: Schema): ValidateFunction {
    return this.#ajv.compile(this.#absolute(schema) as Schema);
  }

  /** `#/components/…` in a schema compiled on its own must lead into the document. */
  #absolute(node: unknown): unknown {
    if (Array.isArray(node)) return node.map((entry) => this.#absolute(entry));
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) =>
        key === '$ref' && typeof value === 'string' && value.startsWith('#')
          ? [key, `${this.#root}${value}`]
          : [key, this.#absolute(value)],
      ),
    );
  }
}

/** What is wrong and with which member; never repeats the value. */
export function explain(errors: ErrorObject[] | null | undefined, where: 'body' | 'query'): string {
  const error = errors?.[0];
  if (error === undefined) return `the ${where} is not valid`;
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  const subject = path === '' ? `the ${where}` : `${where} member "${path}"`;
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'required':
      return `${subject} lacks the member "${String(params['missingProperty'])}"`;
    case 'contentEncoding':
      return `${subject}: Must be a valid base64-encoded string`;
    case 'enum':
      return `${subject} must be one of ${(params['allowedValues'] as unknown[]).map(String).join(', ')}`;
    case 'format':
      return `${subject} must be a valid ${String(params['format'])}`;
    default:
      return `${subject} ${error.message ?? 'is not valid'}`;
  }
}
