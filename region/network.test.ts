import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { run } from '#libs/process/run.ts';
import { ensureFabric, namespaceExists, planFabric, regionTag, removeFabric } from './fabric.ts';
import { detectDatapath, startHostNetwork } from './host-network.ts';
import { startOvnCentral } from './ovn.ts';

function missing(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/bin/busybox')) return 'needs busybox';
  if (!existsSync('/usr/sbin/ovs-vswitchd') || !existsSync('/usr/bin/ovn-northd')) return 'needs Open vSwitch and OVN';
  return null;
}

/** A port of a logical switch: a namespace on the host's far side of a veth pair. */
async function attachGuest(
  host: { namespace: string; dbSocket: string },
  guest: { name: string; mac: string; address: string },
): Promise<string> {
  const namespace = `${host.namespace}-${guest.name}`;
  await run(['ip', 'netns', 'add', namespace]);
  await run([
    'ip',
    '-n',
    host.namespace,
    'link',
    'add',
    guest.name,
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    namespace,
  ]);
  await run(['ip', '-n', host.namespace, 'link', 'set', guest.name, 'up']);
  const lines = [`link set eth0 address ${guest.mac} up`, `address add ${guest.address}/24 dev eth0`];
  await run(['ip', '-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  await run([
    'ovs-vsctl',
    `--db=unix:${host.dbSocket}`,
    '--timeout=20',
    ...['--', 'add-port', 'br-int', guest.name],
    ...['--', 'set', 'Interface', guest.name, `external_ids:iface-id=${guest.name}`],
  ]);
  return namespace;
}

test('two logical ports on two hosts reach each other through the tunnel', async (t: TestContext) => {
  const reason = missing();
  if (reason !== null) return t.skip(reason);
  const dir = mkdtempSync(join(tmpdir(), 'bst-net-'));
  const fabric = planFabric(regionTag(dir), '100.127.0.0/24', ['h1', 'h2']);
  const stops: (() => Promise<unknown>)[] = [
    () => removeFabric(fabric),
    async () => rmSync(dir, { recursive: true, force: true }),
  ];
  t.after(async () => {
    for (const stop of stops) await stop();
  });
  const [first, second] = fabric.hosts;
  assert.ok(first && second);
  await ensureFabric(fabric);
  await ensureFabric(fabric);

  const central = await startOvnCentral({ dir: join(dir, 'ovn'), runDir: join(dir, 'o') });
  stops.unshift(central.stop);
  const datapath = await detectDatapath();
  const hosts: { namespace: string; dbSocket: string }[] = [];
  for (const [name, wire] of [
    ['h1', first],
    ['h2', second],
  ] as const) {
    const network = await startHostNetwork({
      host: name,
      namespace: wire.namespace,
      dir: join(dir, name),
      runDir: join(dir, `r${name}`),
      underlay: wire.underlay,
      southbound: central.southbound,
      datapath,
      mtu: fabric.mtu,
    });
    stops.unshift(network.stop);
    hosts.push({ namespace: wire.namespace, dbSocket: network.dbSocket });
  }
  const nbctl = (...args: string[]): Promise<string> =>
    run(['ovn-nbctl', `--db=${central.northbound}`, '--timeout=30', ...args], { timeoutMs: 35_000 });
  const guests = [
    { name: 'g1', mac: '02:00:00:00:00:01', address: '10.9.0.1' },
    { name: 'g2', mac: '02:00:00:00:00:02', address: '10.9.0.2' },
  ];
  await nbctl('ls-add', 'net');
  const namespaces: string[] = [];
  for (const [index, guest] of guests.entries()) {
    const host: { namespace: string; dbSocket: string } | undefined = hosts[index];
    assert.ok(host);
    await nbctl('lsp-add', 'net', guest.name, '--', 'lsp-set-addresses', guest.name, `${guest.mac} ${guest.address}`);
    namespaces.push(await attachGuest(host, guest));
  }
  stops.unshift(async () => {
    for (const namespace of namespaces) await run(['ip', 'netns', 'delete', namespace]);
  });
  await nbctl('--wait=hv', 'sync');
  const [near] = namespaces;
  assert.ok(near);
  // The first packets may be lost to address resolution in the tunnel; a guest's full frame must fit.
  const ping = await run(
    ['nsenter', `--net=/run/netns/${near}`, 'busybox', 'ping', '-c', '4', '-W', '3', '-s', '1472', '10.9.0.2'],
    { timeoutMs: 20_000 },
  );
  const answered = Number(/(\d+) packets received/.exec(ping)?.[1]);
  assert.ok(answered >= 2, ping);
  assert.ok(namespaceExists(first.namespace));
});
