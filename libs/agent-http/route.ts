import type { OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

export type AgentMethod = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** One request as a handler sees it. */
export interface AgentRequest {
  /** Percent-decoded path parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  /** First value of every query parameter, as text. */
  readonly query: Readonly<Record<string, string>>;
  /** The parsed JSON body, already checked when the mount has a contract; undefined without a body. */
  readonly body: unknown;
  /** Aborted when the caller hangs up, and for a GET also when the server closes. */
  readonly signal: AbortSignal;
  /** The caller's `X-Request-Id` or a fresh one; echoed in the answer. */
  readonly requestId: string;
}

/** What a handler answers: JSON (or nothing, e.g. 204), or a stream of bytes. */
export type AgentAnswer =
  | { readonly status: number; readonly body?: unknown; readonly headers?: OutgoingHttpHeaders }
  | { readonly status: number; readonly stream: Readable; readonly headers: OutgoingHttpHeaders };

/** One operation. `path` names its parameters with a colon: `/v1/volumes/:volumeId`. */
export interface AgentRoute {
  readonly method: AgentMethod;
  readonly path: string;
  readonly handler: (request: AgentRequest) => Promise<AgentAnswer>;
}

interface Node {
  readonly statics: Map<string, Node>;
  parameter: Node | undefined;
  readonly routes: Map<string, { readonly route: AgentRoute; readonly names: readonly string[] }>;
}

function node(): Node {
  return { statics: new Map(), parameter: undefined, routes: new Map() };
}

/** A tree of path segments; a static segment wins over a parameter. */
export class RouteTable {
  readonly #root = node();

  /** @throws RangeError when two routes have the same method and shape of path */
  constructor(routes: readonly AgentRoute[]) {
    for (const route of routes) this.#add(route);
  }

  #add(route: AgentRoute): void {
    let at = this.#root;
    const names: string[] = [];
    for (const segment of segmentsOf(route.path)) {
      if (segment.startsWith(':')) {
        names.push(segment.slice(1));
        at = at.parameter ??= node();
      } else {
        const next = at.statics.get(segment) ?? node();
        at.statics.set(segment, next);
        at = next;
      }
    }
    if (at.routes.has(route.method)) throw new RangeError(`two handlers for ${route.method} ${route.path}`);
    at.routes.set(route.method, { route, names });
  }

  /** The route of a path (without query) and its parameters; undefined when there is none. */
  find(method: string, path: string): { route: AgentRoute; params: Record<string, string> } | undefined {
    let at: Node | undefined = this.#root;
    const values: string[] = [];
    for (const segment of segmentsOf(path)) {
      const next: Node | undefined = at.statics.get(segment);
      if (next === undefined) values.push(segment);
      at = next ?? at.parameter;
      if (at === undefined) return undefined;
    }
    const found = at.routes.get(method);
    if (found === undefined) return undefined;
    const params: Record<string, string> = {};
    for (const [index, name] of found.names.entries()) {
      const value = decoded(values[index] ?? '');
      if (value === undefined) return undefined;
      params[name] = value;
    }
    return { route: found.route, params };
  }
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
