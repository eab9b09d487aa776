/** The API reference: one static page and the document itself, both straight from the contract. */
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { listOperations, resolveReference } from './document.ts';
import type { OpenApiDocument, OperationInfo, Schema } from './document.ts';
import { ERRORS } from './errors.ts';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}table{border-collapse:collapse}td,th{border:1px solid #999;padding:.2rem .6rem;text-align:left;vertical-align:top}
summary{cursor:pointer;padding:.3rem 0}details{border-top:1px solid #ccc}.m{display:inline-block;min-width:4.5rem;font-weight:bold}
@media (prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#9cf}}`;

const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

/** Serves `/docs` and `/openapi.json` under every prefix, and the page at `/`, without a token and without third parties. */
export function serveReference(scope: FastifyInstance, document: OpenApiDocument, prefixes: readonly string[]): void {
  const page = renderPage(document);
  const json = JSON.stringify(document);
  const headers = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': POLICY,
  };
  for (const prefix of prefixes) {
    // A browser that is pointed at the listener gets what there is to see.
    for (const path of prefix === '' ? ['/', '/docs'] : [`${prefix}/docs`])
      scope.get(path, async (_request, response) =>
        response.headers(headers).header('content-type', 'text/html; charset=utf-8').send(page),
      );
    scope.get(`${prefix}/openapi.json`, async (_request, response) =>
      response.headers(headers).header('content-type', 'application/json; charset=utf-8').send(json),
    );
  }
}

function renderPage(document: OpenApiDocument): string {
  const operations = listOperations(document);
  const tags = document.tags ?? [];
  const sections = tags.map((tag) => {
    const own = operations.filter((info) => info.operation.tags?.includes(tag.name) === true);
    return own.length === 0
      ? ''
      : `<h2 id="${escape(tag.name)}">${escape(tag.name)}</h2><p>${escape(tag.description ?? '')}</p>${own.map((info) => renderOperation(document, info)).join('')}`;
  });
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) => `<h3 id="schema-${escape(name)}">${escape(name)}</h3>${renderSchema(schema)}`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(document.info.title)}</title><style>${STYLE}</style></head><body><main>
<h1>${escape(document.info.title)} ${escape(document.info.version)}</h1><p><a href="openapi.json">openapi.json</a></p>
<nav>${tags.map((tag) => `<a href="#${escape(tag.name)}">${escape(tag.name)}</a>`).join(' · ')} · <a href="#errors">errors</a> · <a href="#schemas">schemas</a></nav>
${sections.join('\n')}<h2 id="errors">errors</h2>${renderErrors()}<h2 id="schemas">schemas</h2>${schemas.join('\n')}</main></body></html>`;
}

function renderOperation(document: OpenApiDocument, info: OperationInfo): string {
  const { operation } = info;
  const permissions = info.anonymous ? 'none, no token either' : (info.permissions ?? []).join(', ') || 'any token';
  const body = operation.requestBody?.content['application/json']?.schema;
  const parameters = info.parameters.map(
    (p) =>
      `<tr><td><code>${escape(p.name)}</code></td><td>${p.in}${p.required === true ? ', required' : ''}</td><td>${schemaText(p.schema)}</td><td>${escape(p.description ?? '')}</td></tr>`,
  );
  const responses = Object.entries(operation.responses).map(([status, raw]) => {
    const response = resolveReference(document, raw);
    const schema = Object.values(response.content ?? {})[0]?.schema;
    return `<tr><td>${escape(status)}</td><td>${schema === undefined ? '' : schemaText(schema)}</td><td>${escape(response.description ?? '')}</td></tr>`;
  });
  return `<details id="${escape(info.operationId)}"><summary><span class="m">${info.method.toUpperCase()}</span> <code>${escape(info.path)}</code> ${escape(operation.summary ?? '')}</summary>
<p>${escape(operation.description ?? '')}</p><p>Operation <code>${escape(info.operationId)}</code> · permission: ${escape(permissions)}${info.asynchronous ? ' · answers an activity id in <code>Location</code>' : ''}</p>
${parameters.length === 0 ? '' : `<table>${parameters.join('')}</table>`}${body === undefined ? '' : `<p>Body: ${schemaText(body)}</p>`}<table>${responses.join('')}</table></details>`;
}

function renderErrors(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, message, who }]) =>
      `<tr><td>${status}</td><td><code>${code}</code></td><td>${escape(message)}</td><td>${who}</td></tr>`,
  );
  return `<table><tr><th>status</th><th>code</th><th>message</th><th>who acts</th></tr>${rows.join('')}</table>`;
}

function renderSchema(schema: Schema): string {
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties ?? {}).map(
    ([name, member]) =>
      `<tr><td><code>${escape(name)}</code>${required.has(name) ? '' : ' (optional)'}</td><td>${schemaText(member)}</td><td>${escape(member.description ?? '')}</td></tr>`,
  );
  const table = rows.length === 0 ? `<p>${schemaText(schema)}</p>` : `<table>${rows.join('')}</table>`;
  return `<p>${escape(schema.description ?? '')}</p>${table}`;
}

/** A schema in a few words, with links to the named ones. */
function schemaText(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = escape(schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1));
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.enum !== undefined) return escape(schema.enum.map((value) => JSON.stringify(value)).join(' | '));
  const alternatives = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (alternatives !== undefined)
    return alternatives.map(schemaText).join(schema.allOf === undefined ? ' | ' : ' and ');
  if (schema.items !== undefined) return `list of ${schemaText(schema.items)}`;
  return escape([[schema.type ?? 'anything'].flat().join(' | '), schema.format ?? ''].join(' ').trim());
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
