import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { startNorthbound, type NorthboundServer } from '#test/support/ovsdb.ts';
import { networkDriverContract, sampleNetwork, samplePort } from './contract.ts';
import { NetworkRejected, NetworkUnavailable, type PortSpec } from './driver.ts';
import { OvnNetworkDriver } from './ovn.ts';

function openDriver(t: TestContext, northbound: string): OvnNetworkDriver {
  const driver = new OvnNetworkDriver({ northbound, availabilityWaitMs: 1_000 });
  t.after(() => driver.close());
  return driver;
}

networkDriverContract('ovn', async (t) => {
  const server = await startNorthbound(t);
  return server && openDriver(t, server.endpoint);
});

async function lines(server: NorthboundServer, ...args: string[]): Promise<string[]> {
  const text = await server.nbctl('--bare', ...args);
  return text.split('\n').filter((line) => line !== '');
}

test('SEC-01: a port may use its own addresses only, and every network drops forged servers', async (t) => {
  const server = await startNorthbound(t);
  if (server === undefined) return;
  const driver = openDriver(t, server.endpoint);
  const network = sampleNetwork({ gateway: '10.0.0.1' });
  const port = samplePort(network, 0, { hostname: 'web' });
  await driver.putNetwork(network);
  await driver.putPort(port);
  assert.deepEqual(await lines(server, 'lsp-get-port-security', port.id), [`${port.macAddress} ${port.ipv4}`]);
  const acls = await server.nbctl('acl-list', network.id);
  for (const match of ['udp.src == {67, 547}', 'icmp4.type == {5, 9} || icmp6.type == {134, 137}'])
    assert.ok(acls.includes(`32000 (${match}) drop`), acls);
  assert.match(acls, /from-lport +0 \(1\) drop/);
  const options = await server.nbctl('--columns=options', 'list', 'DHCP_Options');
  for (const expected of ['router="10.0.0.1"', 'server_id="10.0.0.1"', 'mtu="1400"', 'dns_server="{192.0.2.53}"'])
    assert.ok(options.includes(expected), options);
  assert.equal(
    (await server.nbctl('get', 'Logical_Switch_Port', port.id, 'options:hostname')).trim(),
    String.raw`"\"web\""`,
  );
  await driver.putPort({ ...port, hostname: 'web"; drop; "' });
  assert.equal(
    (await server.nbctl('get', 'Logical_Switch_Port', port.id, 'options')).trim(),
    '{}',
    'nothing of a guest gets into a logical flow',
  );
});

test('DHCP comes and goes with the network, for ports that exist too', async (t) => {
  const server = await startNorthbound(t);
  if (server === undefined) return;
  const driver = openDriver(t, server.endpoint);
  const network = sampleNetwork({ dhcp: false });
  const port = samplePort(network, 0);
  const options = async (): Promise<string> =>
    (await server.nbctl('--bare', 'get', 'Logical_Switch_Port', port.id, 'dhcpv4_options')).trim();
  await driver.putNetwork(network);
  await driver.putPort(port);
  assert.equal(await options(), '[]');
  await driver.putNetwork({ ...network, dhcp: true });
  assert.equal(await options(), network.id);
  await driver.putNetwork(network);
  assert.equal(await options(), '[]');
});

test('drift: what a foreign hand deleted, moved or changed is put back', async (t) => {
  const server = await startNorthbound(t);
  if (server === undefined) return;
  const driver = openDriver(t, server.endpoint);
  const network = sampleNetwork();
  const ports = Array.from({ length: 4 }, (_, index) => samplePort(network, index));
  const state = { networks: [network], ports };
  await driver.reconcile(state);
  const [deleted, opened, doubled] = ports.map((port) => port.id);
  assert.ok(deleted !== undefined && opened !== undefined && doubled !== undefined);
  await server.nbctl(
    'lsp-del',
    deleted,
    '--',
    'lsp-set-port-security',
    opened,
    '--',
    'clear',
    'Logical_Switch',
    network.id,
    'acls',
  );
  await server.nbctl('ls-add', 'foreign', '--', 'add', 'Logical_Switch', 'foreign', 'ports', doubled);
  await server.nbctl('--all', 'destroy', 'DHCP_Options');
  const { changed } = await driver.reconcile(state);
  assert.ok(changed >= 3, `${changed} changes`);
  assert.deepEqual(await driver.reconcile(state), { changed: 0 });
  assert.equal((await lines(server, '--columns=_uuid', 'list', 'ACL')).length, 4);
  assert.deepEqual(await lines(server, 'get', 'Logical_Switch', 'foreign', 'ports'), ['[]']);
  assert.equal(
    (await lines(server, '--columns=name', 'find', 'Logical_Switch', 'name=foreign')).length,
    1,
    'what is not ours stays',
  );
});

test('two control-plane replicas on the same ports at once never fail and never leave a port twice', async (t) => {
  const server = await startNorthbound(t);
  if (server === undefined) return;
  const drivers = [openDriver(t, server.endpoint), openDriver(t, server.endpoint)];
  const networks = [sampleNetwork(), sampleNetwork()];
  const ports = networks.flatMap((network) => Array.from({ length: 30 }, (_, index) => samplePort(network, index)));
  await Promise.all(drivers.flatMap((driver) => networks.map((network) => driver.putNetwork(network))));
  const moved = ports.map((port): PortSpec => ({
    ...port,
    networkId: (networks.find(({ id }) => id !== port.networkId) ?? networks[0])?.id ?? '',
  }));
  await Promise.all(
    drivers.flatMap((driver, index) =>
      ports.map((port) => driver.putPort(index === 0 ? port : { ...port, hostname: 'b' })),
    ),
  );
  await Promise.all([
    ...ports.map((port) => drivers[0]?.putPort(port)),
    ...moved.map((port) => drivers[1]?.putPort(port)),
  ]);
  const placed = await lines(server, '--columns=ports', 'list', 'Logical_Switch');
  const ids = placed.flatMap((line) => line.split(' '));
  assert.equal(ids.length, ports.length);
  assert.equal(new Set(ids).size, ports.length);
});

test('a restarted database: calls under way fail cleanly, later ones work, the replica is whole', async (t) => {
  const server = await startNorthbound(t);
  if (server === undefined) return;
  const driver = openDriver(t, server.endpoint);
  const network = sampleNetwork();
  await driver.putNetwork(network);
  const pending = Array.from({ length: 300 }, (_, index) =>
    driver.putPort(samplePort(network, index)).then(
      () => null,
      (error: unknown) => error,
    ),
  );
  await server.stop(0);
  for (const error of await Promise.all(pending))
    assert.ok(error === null || error instanceof NetworkUnavailable, String(error));
  assert.match((await driver.healthy()).join(), /^OVN northbound: /);
  await server.start();
  const port = samplePort(network, 301);
  await driver.putPort(port);
  assert.ok((await driver.inventory()).ports.some(({ id }) => id === port.id));
  assert.match((await driver.healthy()).join(), /ovn-northd has never served/);
});

test('a network takes as many ports as VXLAN can carry, and one more is refused', async (t) => {
  const server = await startNorthbound(t);
  if (server === undefined) return;
  const driver = openDriver(t, server.endpoint);
  const network = sampleNetwork();
  await server.nbctl('init', '--', 'set', 'NB_Global', '.', 'options:max_tunid=4095');
  await driver.putNetwork(network);
  const ports = Array.from({ length: 2_047 }, (_, index) => samplePort(network, index));
  const started = performance.now();
  const queue = ports.values();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (const port of queue) await driver.putPort(port);
    }),
  );
  const perSecond = (1_000 * ports.length) / (performance.now() - started);
  t.diagnostic(`${Math.round(perSecond)} putPort/s`);
  assert.equal((await driver.inventory()).ports.length, ports.length);
  await assert.rejects(driver.putPort(samplePort(network, ports.length)), NetworkRejected);
  const [first] = ports;
  assert.ok(first !== undefined);
  await driver.putPort({ ...first, hostname: 'still-changes' });
});
