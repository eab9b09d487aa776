/** The import rules of the architecture (docs/architecture.md): pure, over the edges of import-graph.ts. */
import type { ImportEdge } from './import-graph.ts';

/**
 * What production code of a top-level folder may import besides itself, packages and Node: folders, or single files that
 * define a file format both sides share. Tests may import anything.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  libs: [],
  contract: ['libs'],
  'host-agent': ['libs', 'contract'],
  'array-agent': ['libs', 'contract'],
  'control-plane': ['libs', 'contract', 'images/catalogue.ts', 'region/topology.ts'],
  images: ['libs', 'contract'],
  region: ['libs', 'contract', 'images', 'host-agent', 'array-agent', 'control-plane'],
  tools: ['libs', 'contract', 'region'],
  bench: ['libs', 'contract', 'region', 'images', 'control-plane', 'host-agent', 'array-agent', 'test'],
};

/** Folders of the control plane that every capability may use as they stand. */
const FOUNDATION = new Set(['database', 'workflow', 'http', 'activity', 'audit']);

/**
 * What puts the capabilities together or looks across all of them; may import any of their files. So may the files that
 * lie directly in control-plane/src.
 */
const COMPOSITION = new Set(['seed', 'check']);

/** What others may import of a capability at run time: its service, and the agents and drivers that workflows call. */
const PUBLIC = /\/(?:(?:[a-z-]+-)?service\.ts|agents\.ts|driver\/[^/]+\.ts)$/;

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
  if (to.endsWith('.test.ts')) return 'production code must not import tests';
  const [source = ''] = from.split('/', 1);
  const [target = ''] = to.split('/', 1);
  const allowed = MAY_IMPORT[source];
  if (allowed === undefined || source === target || allowed.includes(target) || allowed.includes(to)) return undefined;
  if (target === 'test') return 'production code must not import tests';
  return target in MAY_IMPORT ? `${source} must not import ${target}` : undefined;
}

/** `control-plane/src/iam/store.ts` → `iam`; undefined outside of the control plane and directly in its src. */
function capability(file: string): string | undefined {
  return /^control-plane\/src\/([^/]+)\//.exec(file)?.[1];
}

function betweenCapabilities({ from, to, typeOnly }: ImportEdge): string | undefined {
  const source = capability(from);
  const target = capability(to);
  if (source === undefined || target === undefined || source === target) return undefined;
  if (COMPOSITION.has(source) || FOUNDATION.has(target) || PUBLIC.test(to)) return undefined;
  // Shapes of data may travel by type; rows of a store may not.
  if (typeOnly && layer(to) !== 'store') return undefined;
  return `${source} uses ${target} through its service.ts only`;
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
