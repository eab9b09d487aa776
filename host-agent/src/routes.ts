import type { AgentAnswer, AgentRequest, AgentRoute } from '#libs/agent-http/route.ts';
import type { MachineSpec } from '#contract/generated/agent-host.ts';
import type { HostDriver } from './driver.ts';

/** What `readSerial` starts at unless told: enough for a screenful and the boot messages before it. */
const SERIAL_DEFAULT_OFFSET = -65_536;

/** Binds every operation of `contract/agents/host.yaml` to a driver. Requests are expected to be checked against the contract. */
export function hostRoutes(driver: HostDriver): AgentRoute[] {
  return [
    { method: 'GET', path: '/v1/host', handler: async () => ok(await driver.host()) },
    { method: 'GET', path: '/v1/machines', handler: async () => ok(await driver.list()) },
    {
      method: 'GET',
      path: '/v1/machines/:machineId',
      handler: async (request) => ok(await driver.get(machineId(request))),
    },
    {
      method: 'PUT',
      path: '/v1/machines/:machineId',
      handler: async (request) => ok(await driver.put(machineId(request), request.body as MachineSpec)),
    },
    {
      method: 'DELETE',
      path: '/v1/machines/:machineId',
      handler: async (request) => done(await driver.delete(machineId(request))),
    },
    {
      method: 'POST',
      path: '/v1/machines/:machineId/reset',
      handler: async (request) => done(await driver.reset(machineId(request))),
    },
    {
      method: 'POST',
      path: '/v1/machines/:machineId/freeze',
      handler: async (request) => {
        const { autoThawSeconds } = request.body as { autoThawSeconds: number };
        return ok(await driver.freeze(machineId(request), autoThawSeconds));
      },
    },
    {
      method: 'POST',
      path: '/v1/machines/:machineId/thaw',
      handler: async (request) => done(await driver.thaw(machineId(request))),
    },
    { method: 'GET', path: '/v1/machines/:machineId/serial', handler: (request) => readSerial(driver, request) },
    {
      method: 'GET',
      path: '/v1/events',
      handler: async ({ query, signal }) => {
        return ok(
          await driver.events({ after: Number(query['after'] ?? 0), waitMs: Number(query['waitMs'] ?? 0), signal }),
        );
      },
    },
  ];
}

async function readSerial(driver: HostDriver, request: AgentRequest): Promise<AgentAnswer> {
  const offset = Number(request.query['offset'] ?? SERIAL_DEFAULT_OFFSET);
  const follow = request.query['follow'] === 'true';
  const slice = await driver.serial(machineId(request), { offset, follow, signal: request.signal });
  const headers = {
    'Content-Type': 'application/octet-stream',
    'X-Serial-Start': String(slice.start),
    'X-Serial-End': String(slice.end),
  };
  return { status: 200, stream: slice.body, headers };
}

function machineId(request: AgentRequest): string {
  return request.params['machineId'] ?? '';
}

function ok(body: unknown): AgentAnswer {
  return { status: 200, body };
}

function done(_nothing: void): AgentAnswer {
  return { status: 204 };
}
