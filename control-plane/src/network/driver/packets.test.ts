import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '#libs/process/wait.ts';
import type { FakeGuest } from '#test/support/fake-guest.ts';
import { missingForPackets, VirtualNetwork } from '#test/support/virtual-network.ts';
import { sampleNetwork, samplePort } from './contract.ts';
import type { PortSpec } from './driver.ts';
import { OvnNetworkDriver } from './ovn.ts';

const BOUND_MS = 15_000;

/** Waits until echo requests are answered: flows may need a moment, whatever made them change. */
async function reaches(from: FakeGuest, address: string, what: string): Promise<void> {
  await waitFor(async () => (await from.ping(address, { count: 1 })) > 0, { what, timeoutMs: 30_000 });
}

/** Sends echo requests and address announcements and sees to it that not one packet arrives at any listener. */
async function isSilent(from: FakeGuest, address: string, listeners: FakeGuest[]): Promise<void> {
  const count = (): Promise<number[]> => Promise.all(listeners.map((guest) => guest.received()));
  const [before, sent] = [await count(), await from.sent()];
  assert.equal(await from.ping(address, { withinSeconds: 1 }), 0);
  await from.exec('sh', '-c', 'busybox arping -q -U -c 1 -w 1 -I eth0 10.0.0.99 || true');
  assert.ok((await from.sent()) > sent);
  assert.deepEqual(await count(), before, 'not one packet may arrive');
}

test('real packets through OVN', async (t) => {
  const missing = missingForPackets();
  if (missing !== null) return t.skip(missing);
  const region = await VirtualNetwork.start(t, 2);
  const open = (): OvnNetworkDriver =>
    new OvnNetworkDriver({ northbound: region.northbound, southbound: region.southbound });
  let driver = open();
  t.after(() => driver.close());

  const network = sampleNetwork({ gateway: '10.0.0.1', mtu: 1500 });
  // The other tenant has the same addresses.
  const otherNetwork = sampleNetwork({ mtu: 1500 });
  const ports = [0, 1, 2].map((index) => samplePort(network, index, { hostname: `vm${index}` }));
  const [port1, port2, port3] = ports as [PortSpec, PortSpec, PortSpec];
  const otherPort = samplePort(otherNetwork, 1, { macAddress: '02:ba:57:00:01:01' });
  for (const spec of [network, otherNetwork]) await driver.putNetwork(spec);
  for (const port of [...ports, otherPort]) await driver.putPort(port);
  const guest1 = await region.attach('h1', port1);
  const guest2 = await region.attach('h1', port2);
  const guest3 = await region.attach('h2', port3);
  const other = await region.attach('h1', otherPort);
  for (const port of [...ports, otherPort])
    assert.ok(await driver.waitPortBound(port.id, BOUND_MS), `port ${port.ipv4} is bound`);

  await t.test('the inventory names the host that carries a port', async () => {
    const chassis = new Map((await driver.inventory()).ports.map((port) => [port.id, port.chassis]));
    assert.deepEqual(
      [port1, port2, port3].map((port) => chassis.get(port.id)),
      ['h1', 'h1', 'h2'],
    );
    assert.deepEqual(await driver.healthy(), []);
  });

  await t.test('OVN understands every flow', () => {
    for (const name of ['ovn-northd', 'h1-ovn-controller', 'h2-ovn-controller'])
      assert.doesNotMatch(region.log(name), /error parsing|\|ERR\|/);
  });

  await t.test('DHCP hands out the allocated address', async () => {
    for (const [guest, port] of [
      [guest1, port1],
      [guest2, port2],
      [guest3, port3],
    ] as const) {
      const lease = await guest.dhcp();
      assert.deepEqual(lease, {
        address: port.ipv4,
        prefixLength: 20,
        router: '10.0.0.1',
        nameServers: '192.0.2.53',
        mtu: '1500',
        hostname: port.hostname,
      });
      await guest.setAddress(`${port.ipv4}/20`);
    }
    assert.equal((await other.dhcp())?.address, otherPort.ipv4);
    await other.setAddress(`${otherPort.ipv4}/20`);
  });

  await t.test('NET-01, NET-02: same network, same host and other host, full frames', async () => {
    assert.equal(await guest1.ping(port2.ipv4, { size: 1472 }), 2);
    await reaches(guest1, port3.ipv4, 'the tunnel between the hosts');
    assert.equal(await guest1.ping(port3.ipv4, { size: 1472 }), 2);
  });

  await t.test('SEC-01: nothing passes between tenants, in both directions', async () => {
    await other.ip(`neigh replace ${port1.ipv4} lladdr ${port1.macAddress} dev eth0`);
    await guest1.ip(`neigh replace 10.0.0.77 lladdr ${otherPort.macAddress} dev eth0`);
    await isSilent(other, port1.ipv4, [guest1, guest2, guest3]);
    await isSilent(guest1, '10.0.0.77', [other]);
  });

  await t.test('forged MAC, forged address and IPv6 reach nobody', async () => {
    await guest1.setAddress('10.0.0.77/20');
    await isSilent(guest1, port2.ipv4, [guest2, guest3, other]);
    await guest1.setMac('02:ba:57:00:99:99');
    await guest1.setAddress(`${port1.ipv4}/20`);
    await isSilent(guest1, port2.ipv4, [guest2, guest3, other]);
    await guest1.setMac(port1.macAddress);
    await guest1.exec('sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0');
    await guest1.ip('address add fe80::99/64 dev eth0 nodad');
    const [before, sent] = [await guest2.received(), await guest1.sent()];
    await guest1.exec('sh', '-c', 'busybox ping6 -c 2 -w 1 ff02::1%eth0 || true');
    assert.ok((await guest1.sent()) > sent);
    assert.equal(await guest2.received(), before);
    await guest1.exec('sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1');
    await reaches(guest1, port2.ipv4, 'the guest with its own addresses again');
  });

  await t.test('a forged DHCP server reaches nobody, and would without the rule', async () => {
    const quiet = { ...network, dhcp: false };
    await driver.putNetwork(quiet);
    await guest1.serveDhcp(port2.ipv4);
    await region.nbctl('--wait=hv', 'sync');
    assert.equal(await guest2.dhcp(2), null);
    await region.nbctl('--wait=hv', 'clear', 'Logical_Switch', network.id, 'acls');
    assert.equal((await guest2.dhcp(5))?.address, port2.ipv4);
    assert.ok((await driver.reconcile({ networks: [quiet, otherNetwork], ports: [...ports, otherPort] })).changed >= 1);
    await region.nbctl('--wait=hv', 'sync');
    assert.equal(await guest2.dhcp(2), null);
    await driver.putNetwork(network);
  });

  await t.test('a disabled port passes nothing until it is enabled', async () => {
    await driver.putPort({ ...port2, enabled: false });
    await region.nbctl('--wait=hv', 'sync');
    assert.equal(await guest1.ping(port2.ipv4), 0);
    await driver.putPort(port2);
    await reaches(guest1, port2.ipv4, 'the enabled port');
  });

  await t.test('a port moves to another network and back', async () => {
    await driver.putPort({ ...otherPort, networkId: network.id, ipv4: '10.0.0.77' });
    await other.setAddress('10.0.0.77/20');
    await guest1.ip('neigh flush dev eth0');
    await reaches(other, port1.ipv4, 'the network moved to');
    await driver.putPort(otherPort);
    await region.nbctl('--wait=hv', 'sync');
    assert.equal(await other.ping(port1.ipv4), 0);
  });

  await t.test('drift: a port deleted by hand heals by reconcile', async () => {
    await region.nbctl('--wait=hv', 'lsp-del', port2.id);
    assert.equal(await guest1.ping(port2.ipv4), 0);
    assert.deepEqual(await driver.reconcile({ networks: [network, otherNetwork], ports: [...ports, otherPort] }), {
      changed: 1,
    });
    await reaches(guest1, port2.ipv4, 'the healed port');
  });

  await t.test('guests keep talking while the control plane and the OVN databases are gone', async () => {
    await driver.close();
    for (const name of ['ovn-northd', 'ovn-nb', 'ovn-sb']) await region.kill(name);
    assert.ok((await guest1.ping(port3.ipv4, { count: 4 })) >= 3);
    for (const name of ['ovn-nb', 'ovn-sb', 'ovn-northd']) await region.restart(name);
    driver = open();
    assert.deepEqual(await driver.reconcile({ networks: [network, otherNetwork], ports: [...ports, otherPort] }), {
      changed: 0,
    });
  });

  for (const name of ['ovn-northd', 'h1-ovn-controller', 'h1-vswitchd', 'h1-ovsdb']) {
    await t.test(`${name} killed: packets pass again after its restart`, async () => {
      await region.kill(name);
      await region.restart(name);
      await reaches(guest1, port2.ipv4, `the same host after ${name}`);
      await reaches(guest1, port3.ipv4, `the other host after ${name}`);
      const late = samplePort(network, 20);
      await driver.putPort(late);
      const guest = await region.attach('h1', late);
      assert.ok(await driver.waitPortBound(late.id, BOUND_MS), 'a new port is bound');
      await guest.setAddress(`${late.ipv4}/20`);
      await reaches(guest, port3.ipv4, `the other host from a new port after ${name}`);
      await driver.deletePort(late.id);
    });
  }
});
