/** The import rules of the architecture (docs/architecture.md): pure, over the edges of import-graph.ts. */
import type { ImportEdge } from './import-graph.ts';

/** What production code of a top-level folder may import besides itself, packages and Node. Tests may import anything. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  libs: [],
  contract: ['libs'],
  'host-agent': ['libs', 'contract'],
  'array-agent': ['libs', 'contract'],
  'control-plane': ['libs', 'contract'],
  images: ['libs', 'contract'],
  region: ['libs', 'contract', 'images', 'host-agent', 'array-agent', 'control-plane'],
  tools: ['libs', 'contract', 'region'],
  bench: ['libs', 'contract', 'region', 'images', 'control-plane', 'host-agent', 'array-agent'],
};

/** Folders of the control plane that every capability may use as they stand. */
const FOUNDATION = new Set(['database', 'workflow', 'http', 'activity', 'audit']);

/** What puts the capabilities together; may import any of their files. */
const COMPOSITION = new Set(['main.ts', 'compose', 'seed', 'http']);

type Layer = 'routes' | 'service' | 'store' | 'rules' | 'workflows';

/** Layers that a layer must not reach, within a capability: routes → service → store/rules; workflows → store/rules. */
const FORBIDDEN: Record<Layer, readonly Layer[]> = {
  routes: ['store', 'workflows'],
  service: ['routes'],
  store: ['routes', 'service', 'workflows'],
  rules: ['routes', 'service', 'store', 'workflows'],
  workflows: ['routes'],
};

/** Modules that do input or output; `rules.ts` is pure. */
const IMPURE = /^(?:node:(?!util|assert)|pg$|kysely$|fastify$|pino$)/;

const BAD_NAME = /(?:^|\/)(?:index|utils?|helpers?|common)(?:\.ts$|\/)/;

/** Every violation as one line that says which rule and what to do instead. */
export function checkImports(files: readonly string[], edges: readonly ImportEdge[]): string[] {
  const problems = [
    ...files
      .filter((file) => BAD_NAME.test(file))
      .map((file) => `${file}: no barrels and no catch-all names; name it after what it holds`),
    ...edges.flatMap((edge) => {
      const problem = isTest(edge.from)
        ? undefined
        : (betweenPackages(edge) ?? betweenCapabilities(edge) ?? betweenLayers(edge));
      return problem === undefined ? [] : [`${edge.from}:${edge.line}: ${problem} (imports ${edge.to})`];
    }),
    ...findCycles(edges).map((cycle) => `import cycle: ${cycle.join(' → ')}`),
  ];
  return problems;
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts') || file.startsWith('test/');
}

function betweenPackages({ from, to }: ImportEdge): string | undefined {
  if (to.endsWith('.test.ts') || to.startsWith('test/')) return 'production code must not import tests';
  const [source = ''] = from.split('/', 1);
  const [target = ''] = to.split('/', 1);
  const allowed = MAY_IMPORT[source];
  if (allowed === undefined || source === target || !(target in MAY_IMPORT) || allowed.includes(target))
    return undefined;
  return `${source} must not import ${target}`;
}

/** `control-plane/src/iam/store.ts` → `iam`; undefined outside of the control plane. */
function capability(file: string): string | undefined {
  const [root, src, name] = file.split('/', 3);
  return root === 'control-plane' && src === 'src' ? name : undefined;
}

function betweenCapabilities({ from, to }: ImportEdge): string | undefined {
  const source = capability(from);
  const target = capability(to);
  if (source === undefined || target === undefined || source === target) return undefined;
  if (COMPOSITION.has(source) || FOUNDATION.has(target)) return undefined;
  if (FOUNDATION.has(source)) return `${source} must know no capability`;
  return /\/(?:service|agents)\.ts$/.test(to) ? undefined : `${source} uses ${target} through its service.ts only`;
}

function layer(file: string): Layer | undefined {
  const name = /(?:^|[-/])(routes|service|store|rules|workflows)\.ts$/.exec(file)?.[1];
  return name as Layer | undefined;
}

function betweenLayers({ from, to }: ImportEdge): string | undefined {
  const source = layer(from);
  if (source === undefined || !from.startsWith('control-plane/')) return undefined;
  if (source === 'rules' && IMPURE.test(to)) return 'rules are pure: no input or output';
  const target = capability(from) === capability(to) ? layer(to) : undefined;
  if (target === undefined || !FORBIDDEN[source].includes(target)) return undefined;
  return `${source} must not import ${target}`;
}

/** Cycles among run-time imports, each once, starting at its first file by name. */
function findCycles(edges: readonly ImportEdge[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to, typeOnly } of edges) if (!typeOnly) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const cycles = new Map<string, string[]>();
  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      const cycle = rotate(path.slice(at));
      cycles.set(cycle.join(), cycle);
      return;
    }
    if (done.has(file)) return;
    for (const target of next.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  return [...cycles.values()];
}

function rotate(cycle: string[]): string[] {
  const first = cycle.indexOf(cycle.toSorted()[0] ?? '');
  const turned = [...cycle.slice(first), ...cycle.slice(0, first)];
  return [...turned, turned[0] ?? ''];
}
