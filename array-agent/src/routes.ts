import type { ImageSpec, PoolSpec, VolumeSpec } from '#contract/generated/agent-array.ts';
import type { AgentAnswer, AgentRequest, AgentRoute } from '#libs/agent-http/route.ts';
import type { ArrayDriver } from './driver.ts';

/**
 * The operations of the array contract for one driver. Serve them with the contract, which checks bodies and ids: the
 * handlers take the checked bodies as the contract's types.
 */
export function arrayRoutes(driver: ArrayDriver): AgentRoute[] {
  return [
    { method: 'GET', path: '/v1/array', handler: ok(() => driver.array()) },
    { method: 'GET', path: '/v1/pools', handler: ok(() => driver.listPools()) },
    { method: 'GET', path: '/v1/pools/:poolId', handler: ok(({ params }) => driver.getPool(id(params, 'poolId'))) },
    {
      method: 'PUT',
      path: '/v1/pools/:poolId',
      handler: ok(({ params, body }) => driver.putPool(id(params, 'poolId'), body as PoolSpec)),
    },
    {
      method: 'DELETE',
      path: '/v1/pools/:poolId',
      handler: gone(({ params }) => driver.deletePool(id(params, 'poolId'))),
    },
    {
      method: 'PUT',
      path: '/v1/images/:imageId',
      handler: ok(({ params, body }) => driver.putImage(id(params, 'imageId'), body as ImageSpec)),
    },
    {
      method: 'DELETE',
      path: '/v1/images/:imageId',
      handler: gone(({ params }) => driver.deleteImage(id(params, 'imageId'))),
    },
    { method: 'GET', path: '/v1/volumes', handler: ok(() => driver.listVolumes()) },
    {
      method: 'GET',
      path: '/v1/volumes/:volumeId',
      handler: ok(({ params }) => driver.getVolume(id(params, 'volumeId'))),
    },
    {
      method: 'PUT',
      path: '/v1/volumes/:volumeId',
      handler: ok(({ params, body }) => driver.putVolume(id(params, 'volumeId'), body as VolumeSpec)),
    },
    {
      method: 'DELETE',
      path: '/v1/volumes/:volumeId',
      handler: gone(({ params }) => driver.deleteVolume(id(params, 'volumeId'))),
    },
    { method: 'GET', path: '/v1/snapshots', handler: ok(() => driver.listSnapshots()) },
    {
      method: 'GET',
      path: '/v1/snapshots/:snapshotId',
      handler: ok(({ params }) => driver.getSnapshot(id(params, 'snapshotId'))),
    },
    {
      method: 'PUT',
      path: '/v1/snapshots/:snapshotId',
      handler: ok(({ params, body }) => {
        return driver.putSnapshot(id(params, 'snapshotId'), (body as { volumeIds: string[] }).volumeIds);
      }),
    },
    {
      method: 'DELETE',
      path: '/v1/snapshots/:snapshotId',
      handler: gone(({ params }) => driver.deleteSnapshot(id(params, 'snapshotId'))),
    },
  ];
}

function id(params: AgentRequest['params'], name: string): string {
  const value = params[name];
  if (value === undefined) throw new TypeError(`the route has no parameter ${name}`);
  return value;
}

function ok(act: (request: AgentRequest) => Promise<unknown>): (request: AgentRequest) => Promise<AgentAnswer> {
  return async (request) => ({ status: 200, body: await act(request) });
}

function gone(act: (request: AgentRequest) => Promise<void>): (request: AgentRequest) => Promise<AgentAnswer> {
  return async (request) => {
    await act(request);
    return { status: 204 };
  };
}
