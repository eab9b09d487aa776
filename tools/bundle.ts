/** Makes one OpenAPI document out of the YAML files of a contract folder. */
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import type { OpenApiDocument, PathItem } from '#libs/contract-runtime/document.ts';

interface Bundle {
  document: OpenApiDocument;
  /** File names left out because they say `x-bastide-status: planned`. */
  planned: string[];
}

const FILE_REFERENCE = /^[A-Za-z0-9_.-]+\.yaml#/;

/**
 * Bundles every `*.yaml` of a folder, or the one file given. References such as `components.yaml#/components/…` become
 * local, so names of components must differ between files. Throws on a clash and names both files.
 */
export function bundle(source: { folder: string } | { file: string }, title?: string): Bundle {
  const files =
    'file' in source
      ? [source.file]
      : readdirSync(source.folder)
          .filter((name) => name.endsWith('.yaml'))
          .toSorted()
          .map((name) => join(source.folder, name));
  const planned: string[] = [];
  const merged = new Merger();
  for (const file of files) {
    const part = parse(readFileSync(file, 'utf8')) as OpenApiDocument;
    if (part['x-bastide-status'] === 'planned') planned.push(basename(file));
    else merged.add(basename(file), part);
  }
  const document = merged.finish();
  if (title !== undefined) document.info = { ...document.info, title };
  return { document, planned };
}

class Merger {
  readonly #owner = new Map<string, string>();
  #document: OpenApiDocument | undefined;

  add(file: string, part: OpenApiDocument): void {
    const local = localReferences(part) as OpenApiDocument;
    const target = (this.#document ??= { openapi: local.openapi, info: { ...local.info }, paths: {}, components: {} });
    target.servers ??= local.servers;
    target.security ??= local.security;
    target.tags = [...(target.tags ?? []), ...(local.tags ?? [])];
    for (const [path, item] of Object.entries(local.paths)) {
      this.#claim(file, path);
      target.paths[path] = item satisfies PathItem;
    }
    const components = target.components as Record<string, Record<string, unknown>>;
    for (const [kind, entries] of Object.entries(local.components ?? {})) {
      const group = (components[kind] ??= {});
      for (const [name, value] of Object.entries(entries as Record<string, unknown>)) {
        this.#claim(file, `${kind}/${name}`);
        group[name] = value;
      }
    }
  }

  finish(): OpenApiDocument {
    if (this.#document === undefined) throw new Error('no contract file to bundle');
    return this.#document;
  }

  #claim(file: string, name: string): void {
    const other = this.#owner.get(name);
    if (other !== undefined) throw new Error(`${name} stands in ${other} and in ${file}`);
    this.#owner.set(name, file);
  }
}

function localReferences(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(localReferences);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) =>
      key === '$ref' && typeof value === 'string'
        ? [key, value.replace(FILE_REFERENCE, '#')]
        : [key, localReferences(value)],
    ),
  );
}
