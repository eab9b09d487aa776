/** SQL of hosts and arrays as agents that can be called. */
import { statement } from '../database/statement.ts';

export interface AgentRow {
  readonly id: string;
  readonly name: string;
  readonly endpoint: string;
}
export const findHostEndpoint = statement<[id: string], AgentRow>(
  'host_endpoint',
  `select id, name, endpoint from hosts where id = $1`,
);
export const findArrayEndpoint = statement<[id: string], AgentRow>(
  'array_endpoint',
  `select id, name, endpoint from arrays where id = $1`,
);
export const listHostEndpoints = statement<[], AgentRow & { eventEpoch: string | null; eventCursor: number }>(
  'host_endpoints',
  `select id, name, endpoint, event_epoch as "eventEpoch", event_cursor as "eventCursor" from hosts order by name`,
);
export const listArrayEndpoints = statement<[], AgentRow>(
  'array_endpoints',
  `select id, name, endpoint from arrays order by name`,
);
export const findArrayOfPool = statement<[poolId: string], { arrayId: string }>(
  'array_of_pool',
  `select array_id as "arrayId" from pools where id = $1`,
);
