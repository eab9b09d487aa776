import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { run } from '#libs/process/run.ts';
import { waitFor } from '#libs/process/wait.ts';
import { OvsVsctl } from './ovs.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const skip = process.getuid?.() !== 0 ? 'needs root' : existsSync(SCHEMA) ? false : 'needs Open vSwitch';

/** An Open vSwitch of its own, in a network namespace where none of the ports' devices exists: the database is what is looked at. */
async function openVswitch(t: TestContext, bridge: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ov-'));
  const [file, socket] = [join(folder, 'conf.db'), join(folder, 'db')];
  const env = { ...process.env, OVS_RUNDIR: folder, OVS_LOGDIR: folder };
  await run(['ovsdb-tool', 'create', file, SCHEMA]);
  const daemons = [
    spawn('ovsdb-server', [file, `--remote=punix:${socket}`, '--no-chdir', `--unixctl=${join(folder, 'c1')}`], {
      env,
      stdio: 'ignore',
    }),
  ];
  t.after(async () => {
    for (const daemon of daemons) {
      daemon.kill('SIGKILL');
      await once(daemon, 'exit');
    }
    rmSync(folder, { recursive: true });
  });
  await waitFor(() => existsSync(socket), { what: 'ovsdb-server', timeoutMs: 10_000 });
  await run(['ovs-vsctl', `--db=unix:${socket}`, '--no-wait', 'init']);
  const switchArgs = [
    '--net',
    'ovs-vswitchd',
    `unix:${socket}`,
    '--disable-system',
    '--no-chdir',
    `--unixctl=${join(folder, 'c2')}`,
  ];
  daemons.push(spawn('unshare', switchArgs, { env, stdio: 'ignore' }));
  await run([
    'ovs-vsctl',
    `--db=unix:${socket}`,
    '--timeout=20',
    'add-br',
    bridge,
    '--',
    'set',
    'Bridge',
    bridge,
    'datapath_type=netdev',
  ]);
  return socket;
}

test(
  'ports carry the logical port they stand for, once however often they are plugged, and go away',
  { skip, timeout: 60_000 },
  async (t) => {
    const bridge = 'br-int';
    const socket = await openVswitch(t, bridge);
    const ovs = new OvsVsctl({ dbSocket: socket, bridge });
    const ports = ['bt01', 'bt02'].map((tap) => ({
      tap,
      portName: `port of ${tap}, "quoted"`,
      macAddress: '52:54:00:00:00:01',
    }));
    await ovs.plug(ports);
    await ovs.plug(ports);
    assert.deepEqual((await ovs.list()).toSorted(), ['bt01', 'bt02']);
    const get = async (key: string): Promise<string> =>
      await run(['ovs-vsctl', `--db=unix:${socket}`, 'get', 'Interface', 'bt01', `external_ids:${key}`]);
    assert.equal(JSON.parse(await get('iface-id')), 'port of bt01, "quoted"');
    assert.equal(JSON.parse(await get('attached-mac')), '52:54:00:00:00:01');
    await ovs.unplug(['bt01', 'nobody']);
    assert.deepEqual(await ovs.list(), ['bt02']);
    await ovs.plug([]);
    await ovs.unplug([]);
  },
);
