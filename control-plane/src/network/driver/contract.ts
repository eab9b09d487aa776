import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { NetworkRejected, NetworkUnavailable, type NetworkDriver, type NetworkSpec, type PortSpec } from './driver.ts';

/** A network that any driver takes. */
export function sampleNetwork(change: Partial<NetworkSpec> = {}): NetworkSpec {
  return {
    id: randomUUID(),
    tenantId: randomUUID(),
    name: 'LAN01',
    cidr: '10.0.0.0/20',
    gateway: null,
    mtu: 1400,
    dhcp: true,
    dnsServers: ['192.0.2.53'],
    ...change,
  };
}

/** The port number `index` (from 0) on a network: its address and MAC follow from the number. */
export function samplePort(network: NetworkSpec, index: number, change: Partial<PortSpec> = {}): PortSpec {
  const host = index + 10;
  const octets = [host >> 8, host & 0xff];
  return {
    id: randomUUID(),
    networkId: network.id,
    tenantId: network.tenantId,
    macAddress: ['02', 'ba', '57', '00', ...octets.map((octet) => octet.toString(16).padStart(2, '0'))].join(':'),
    ipv4: ['10', '0', ...octets].join('.'),
    enabled: true,
    ...change,
  };
}

/** What every network driver must do; `open` gives a driver on an empty data path, or undefined after `t.skip`. */
export function networkDriverContract(
  name: string,
  open: (t: TestContext) => Promise<NetworkDriver | undefined>,
): void {
  const contractTest = (title: string, body: (driver: NetworkDriver) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t) => {
      const driver = await open(t);
      if (driver !== undefined) await body(driver);
    });
  };

  contractTest('NET-01: networks and ports are put, repeated, changed and deleted', async (driver) => {
    const network = sampleNetwork();
    const ports = [samplePort(network, 0), samplePort(network, 1, { hostname: 'web' })];
    for (let turn = 0; turn < 2; turn++) {
      await driver.putNetwork(network);
      for (const port of ports) await driver.putPort(port);
    }
    await driver.putNetwork({ ...network, name: 'renamed', dhcp: false, mtu: 1300 });
    await driver.putPort({ ...samplePort(network, 7), id: portId(ports, 0), enabled: false });
    const { networks, ports: held } = await driver.inventory();
    assert.deepEqual(networks, [network.id]);
    assert.deepEqual(
      new Set(held.map((port) => `${port.id} ${port.networkId}`)),
      new Set(ports.map((port) => `${port.id} ${network.id}`)),
    );
    for (let turn = 0; turn < 2; turn++) await driver.deletePort(portId(ports, 0));
    assert.deepEqual(
      (await driver.inventory()).ports.map((port) => port.id),
      [portId(ports, 1)],
    );
    for (let turn = 0; turn < 2; turn++) await driver.deleteNetwork(network.id);
    assert.deepEqual(await driver.inventory(), { networks: [], ports: [] });
  });

  contractTest('a port moves between networks and is on one only', async (driver) => {
    const [from, to] = [sampleNetwork(), sampleNetwork()];
    const port = samplePort(from, 0);
    await driver.putNetwork(from);
    await driver.putNetwork(to);
    await driver.putPort(port);
    await driver.putPort({ ...port, networkId: to.id });
    await driver.deleteNetwork(from.id);
    const { networks, ports } = await driver.inventory();
    assert.deepEqual(networks, [to.id]);
    assert.deepEqual(
      ports.map(({ id, networkId }) => ({ id, networkId })),
      [{ id: port.id, networkId: to.id }],
    );
  });

  contractTest('what cannot be carried is rejected for good and leaves nothing behind', async (driver) => {
    const network = sampleNetwork();
    await assert.rejects(driver.putNetwork({ ...network, cidr: '10.0.0.1/20' }), NetworkRejected);
    await assert.rejects(driver.putNetwork({ ...network, gateway: '10.9.0.1' }), NetworkRejected);
    await assert.rejects(driver.putPort(samplePort(network, 0)), NetworkRejected);
    await driver.putNetwork(network);
    await assert.rejects(driver.putPort(samplePort(network, 0, { ipv4: '192.0.2.7' })), NetworkRejected);
    await assert.rejects(driver.putPort(samplePort(network, 0, { ipv4: '10.0.0.1' })), /DHCP server/);
    await assert.rejects(driver.putPort(samplePort(network, 0, { macAddress: '01:00:5e:00:00:01' })), NetworkRejected);
    assert.deepEqual(await driver.inventory(), { networks: [network.id], ports: [] });
  });

  contractTest('reconcile makes the data path equal to what is wanted, then has nothing to do', async (driver) => {
    const [kept, gone, added] = [sampleNetwork(), sampleNetwork(), sampleNetwork()];
    const [same, changed, unwanted, wanted] = [
      samplePort(kept, 0),
      samplePort(kept, 1),
      samplePort(kept, 2),
      samplePort(added, 3),
    ];
    await driver.putNetwork(kept);
    await driver.putNetwork(gone);
    for (const port of [same, changed, unwanted, samplePort(gone, 4)]) await driver.putPort(port);
    const state = { networks: [kept, added], ports: [same, { ...changed, hostname: 'db' }, wanted] };
    const { changed: count } = await driver.reconcile(state);
    assert.ok(count >= 5, `${count} changes`);
    const { networks, ports } = await driver.inventory();
    assert.deepEqual(new Set(networks), new Set([kept.id, added.id]));
    assert.deepEqual(new Set(ports.map((port) => port.id)), new Set([same.id, changed.id, wanted.id]));
    assert.deepEqual(await driver.reconcile(state), { changed: 0 });
  });

  contractTest('reconcile undoes nothing that happened after the wanted state was read', async (driver) => {
    const network = sampleNetwork();
    const [deleted, put] = [samplePort(network, 0), samplePort(network, 1)];
    await driver.putNetwork(network);
    await driver.putPort(deleted);
    const readAt = Date.now() - 1;
    await driver.deletePort(deleted.id);
    await driver.putPort(put);
    const stale = { networks: [network], ports: [deleted] };
    assert.deepEqual(await driver.reconcile({ ...stale, readAt }), { changed: 0 });
    assert.deepEqual(
      (await driver.inventory()).ports.map((port) => port.id),
      [put.id],
    );
    assert.deepEqual(await driver.reconcile(stale), { changed: 2 });
  });

  contractTest('many ports at once, two writers on the same ones', async (driver) => {
    const network = sampleNetwork();
    await driver.putNetwork(network);
    const ports = Array.from({ length: 50 }, (_, index) => samplePort(network, index));
    await Promise.all([...ports, ...ports].map((port) => driver.putPort(port)));
    await Promise.all([...ports.slice(0, 25), ...ports.slice(0, 25)].map((port) => driver.deletePort(port.id)));
    assert.equal((await driver.inventory()).ports.length, 25);
  });

  contractTest('a closed driver fails with a retryable error', async (driver) => {
    await driver.close();
    await assert.rejects(
      driver.putNetwork(sampleNetwork()),
      (error) => error instanceof NetworkUnavailable && error.retryable,
    );
  });
}

function portId(ports: PortSpec[], index: number): string {
  const port = ports[index];
  assert.ok(port !== undefined);
  return port.id;
}
