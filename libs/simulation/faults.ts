import { Readable } from 'node:stream';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import type { AgentAnswer, AgentRequest, AgentRoute } from '#libs/agent-http/route.ts';
import type { Random } from './random.ts';

/** Probabilities in [0, 1] per call; what is left is the chance that nothing is wrong. */
export interface FaultRates {
  /** 500 `internal` before anything was done. */
  error?: number;
  /** The work is done, the answer never comes; ends when the caller hangs up. */
  timeout?: number;
  /** The work is done, the connection breaks in place of the answer. */
  drop?: number;
}

/** Rates by method and path shape (`PUT /v1/machines/:machineId`); `*` is for what has no own entry. */
export type FaultPlan = Readonly<Record<string, FaultRates>>;

const longestSilenceMs = 600_000;

/**
 * The same routes with seeded faults in front of them. Reads of events and health are spared unless named, so that a
 * plan for `*` does not drown a log in broken long polls.
 */
export function withFaults(routes: readonly AgentRoute[], plan: FaultPlan, random: Random): AgentRoute[] {
  return routes.map((route) => {
    const rates = plan[`${route.method} ${route.path}`] ?? (isWatched(route) ? undefined : plan['*']);
    if (rates === undefined) return route;
    return { ...route, handler: (request) => answerWithFaults({ route, request, rates, draw: random.next() }) };
  });
}

function isWatched(route: AgentRoute): boolean {
  return route.path.endsWith('/events') || route.path.endsWith('/healthz');
}

interface FaultyCall {
  route: AgentRoute;
  request: AgentRequest;
  rates: FaultRates;
  draw: number;
}

async function answerWithFaults({ route, request, rates, draw }: FaultyCall): Promise<AgentAnswer> {
  const { error = 0, timeout = 0, drop = 0 } = rates;
  if (draw < error) throw new AgentProblem(500, 'internal', `a simulated fault hit ${route.method} ${route.path}`);
  const answer = await route.handler(request);
  if (draw < error + timeout) {
    await silence(request.signal);
    return brokenAnswer();
  }
  return draw < error + timeout + drop ? brokenAnswer() : answer;
}

function silence(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, longestSilenceMs);
    timer.unref();
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** A head without the body it announces: the server cuts the connection when the body's stream fails. */
function brokenAnswer(): AgentAnswer {
  const stream = new Readable({
    read() {
      const cut: NodeJS.ErrnoException = new Error('simulated broken connection');
      cut.code = 'ERR_STREAM_PREMATURE_CLOSE';
      this.destroy(cut);
    },
  });
  return { status: 200, stream, headers: { 'Content-Length': 1 } };
}
