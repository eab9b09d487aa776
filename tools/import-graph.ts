/** Who imports whom: the TypeScript files of a tree and the edges between them. */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { parseSync } from 'oxc-parser';

export interface ImportEdge {
  /** Path from the root, `/`-separated. */
  from: string;
  /** Path from the root, or the name as written for packages and Node's own modules. */
  to: string;
  /** `import type` or `export type`: gone at run time. */
  typeOnly: boolean;
  line: number;
}

interface Position {
  start: number;
}

/** Reads the imports of every file given (paths from `root`). Throws for a file that does not parse. */
export function readImports(root: string, files: readonly string[]): ImportEdge[] {
  const subpaths = readSubpaths(root);
  return files.flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8');
    const { module, errors } = parseSync(file, source, { sourceType: 'module' });
    if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message ?? 'does not parse'}`);
    const edge = (specifier: string, at: Position, typeOnly: boolean): ImportEdge => ({
      from: file,
      to: resolveSpecifier(subpaths, file, specifier),
      typeOnly,
      line: source.slice(0, at.start).split('\n').length,
    });
    return [
      ...module.staticImports.map((node) =>
        edge(node.moduleRequest.value, node, node.entries.length > 0 && node.entries.every((entry) => entry.isType)),
      ),
      ...module.staticExports.flatMap((node) =>
        node.entries.flatMap((entry) =>
          entry.moduleRequest === null ? [] : [edge(entry.moduleRequest.value, node, entry.isType)],
        ),
      ),
      ...module.dynamicImports.flatMap((node) => {
        const text = source.slice(node.moduleRequest.start, node.moduleRequest.end);
        return /^['"]/.test(text) ? [edge(text.slice(1, -1), node, false)] : [];
      }),
    ];
  });
}

/** `#libs/` → `libs/` and so on, from the "imports" of package.json. */
function readSubpaths(root: string): Map<string, string> {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { imports?: Record<string, string> };
  return new Map(
    Object.entries(manifest.imports ?? {}).map(([name, target]) => [
      name.replace('*', ''),
      normalize(target).replace('*', ''),
    ]),
  );
}

function resolveSpecifier(subpaths: Map<string, string>, from: string, specifier: string): string {
  if (specifier.startsWith('.')) return normalize(join(dirname(from), specifier));
  for (const [name, target] of subpaths) {
    if (specifier.startsWith(name)) return target + specifier.slice(name.length);
  }
  return specifier;
}
