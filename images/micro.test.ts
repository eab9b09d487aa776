import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { run } from '#libs/process/run.ts';
import { waitFor } from '#libs/process/wait.ts';
import { QgaClient } from '#libs/qga/client.ts';
import { QmpClient } from '#libs/qmp/client.ts';
import { canHaveTestImage, ensureTestImage } from './locate.ts';

const needed = ['qemu-system-x86_64', 'qemu-img', 'xorriso'].filter(
  (program) => spawnSync(program, ['--version']).status !== 0,
);
const skip =
  needed.length > 0
    ? `needs ${needed.join(', ')}`
    : (await canHaveTestImage('micro'))
      ? false
      : 'needs the micro image, or root and mmdebstrap to build it';
const bootLimitMs = 120_000;

interface Guest {
  qemu: ChildProcess;
  folder: string;
  agent: QgaClient;
  monitor: QmpClient;
  serial: () => Promise<string>;
}

/** Boots the micro image as a region does: SeaBIOS from the first virtio disk, an ISO seed as second, a data disk as third. */
async function bootMicro(t: TestContext, seed: { userData: string; metaData: string }): Promise<Guest> {
  const image = await ensureTestImage('micro');
  const folder = await mkdtemp(path.join(tmpdir(), 'bm-'));
  const at = (name: string): string => path.join(folder, name);
  await mkdir(at('seed'));
  await writeFile(at('seed/user-data'), seed.userData);
  await writeFile(at('seed/meta-data'), seed.metaData);
  await run(['xorriso', '-as', 'mkisofs', '-quiet', '-V', 'cidata', '-J', '-r', '-o', at('seed.iso'), at('seed')]);
  await writeFile(at('data.raw'), '');
  await truncate(at('data.raw'), 16 * 1024 ** 2);
  const disks: [string, string][] = [
    [`file=${image.path},format=qcow2,snapshot=on`, 'bootindex=0'],
    [`file=${at('seed.iso')},format=raw,readonly=on`, 'serial=cidata'],
    [`file=${at('data.raw')},format=raw`, 'serial=data'],
  ];
  const args = [
    ...[
      '-machine',
      'q35',
      '-accel',
      'tcg',
      '-cpu',
      'max',
      '-m',
      '256',
      '-display',
      'none',
      '-nodefaults',
      '-no-user-config',
    ],
    ...disks.flatMap(([drive, device], index) => [
      '-drive',
      `${drive},if=none,id=d${index}`,
      '-device',
      `virtio-blk-pci,drive=d${index},${device}`,
    ]),
    ...[
      '-serial',
      `file:${at('serial')}`,
      '-qmp',
      `unix:${at('qmp')},server=on,wait=off`,
      '-device',
      'virtio-serial-pci',
    ],
    ...[
      '-chardev',
      `socket,id=qga,path=${at('qga')},server=on,wait=off`,
      '-device',
      'virtserialport,chardev=qga,name=org.qemu.guest_agent.0',
    ],
    ...['-netdev', 'user,id=n0,restrict=on', '-device', 'virtio-net-pci,netdev=n0,mac=52:54:00:00:00:01,romfile='],
  ];
  const started = performance.now();
  const qemu = spawn('qemu-system-x86_64', args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, TMPDIR: folder },
  });
  t.after(async () => {
    if (qemu.exitCode === null && qemu.kill('SIGKILL')) await once(qemu, 'exit');
    await rm(folder, { recursive: true, force: true });
  });
  const connected = <T>(connect: () => Promise<T>): Promise<T> =>
    waitFor(() => connect().catch(() => null), { what: 'QEMU to listen', timeoutMs: 20_000 });
  const monitor = await connected(() => QmpClient.connect(at('qmp'), { timeoutMs: 5000 }));
  const agent = await connected(() => QgaClient.connect(at('qga'), { timeoutMs: 5000 }));
  t.after(() => {
    agent.close();
    monitor.close();
  });
  const answers = (): Promise<boolean> =>
    agent.execute('guest-ping', {}, { timeoutMs: 500 }).then(
      () => true,
      () => false,
    );
  await waitFor(answers, { what: 'the guest agent', timeoutMs: bootLimitMs });
  t.diagnostic(`guest agent ${Math.round(performance.now() - started)} ms after the start of QEMU`);
  return { qemu, folder, agent, monitor, serial: () => readFile(at('serial'), 'latin1').catch(() => '') };
}

async function printed(guest: Guest, text: string): Promise<void> {
  await waitFor(async () => (await guest.serial()).includes(text), {
    what: `"${text}" on the serial console`,
    timeoutMs: 60_000,
  });
}

async function ended(guest: Guest, what: string): Promise<void> {
  await waitFor(() => guest.qemu.exitCode !== null, { what, timeoutMs: 60_000 });
  assert.equal(guest.qemu.exitCode, 0);
}

test(
  'the micro image boots from its disk, applies a cloud-config and shuts down through its agent',
  { skip, timeout: 300_000 },
  async (t) => {
    const userData = `#cloud-config
hostname: micro-one
runcmd:
  - echo "seed says $((40 + 2))"
  - [sh, -c, 'echo "a list, with ''quotes''"']
  - mke2fs -q /dev/vdc && mount /dev/vdc /mnt && echo data disk mounted
`;
    const guest = await bootMicro(t, { userData, metaData: 'instance-id: one\nlocal-hostname: other\n' });
    await printed(guest, 'seed says 42');
    await printed(guest, "a list, with 'quotes'");
    await printed(guest, 'data disk mounted');
    await printed(guest, 'micro ready');
    const host = await guest.agent.execute<{ 'host-name': string }>('guest-get-host-name', {}, { timeoutMs: 5000 });
    assert.equal(host['host-name'], 'micro-one');
    const addressed = async (): Promise<boolean> =>
      JSON.stringify(await guest.agent.execute('guest-network-get-interfaces', {}, { timeoutMs: 5000 })).includes(
        '10.0.2.15',
      );
    await waitFor(addressed, { what: 'an address from DHCP', timeoutMs: 30_000 });
    assert.equal(
      await guest.agent.execute('guest-fsfreeze-freeze', {}, { timeoutMs: 10_000 }),
      1,
      'the mounted data disk freezes',
    );
    assert.equal(await guest.agent.execute('guest-fsfreeze-thaw', {}, { timeoutMs: 10_000 }), 1);
    await guest.agent.execute('guest-shutdown', { mode: 'powerdown' }, { timeoutMs: 2000 }).catch(() => undefined);
    await ended(guest, 'the guest to shut down');
  },
);

test('the micro image runs a script as user data and obeys the power button', { skip, timeout: 300_000 }, async (t) => {
  const guest = await bootMicro(t, {
    userData: '#!/bin/sh\necho "script on $(hostname)"\n',
    metaData: '{"instance-id": "two", "local-hostname": "micro-two"}',
  });
  await printed(guest, 'script on micro-two');
  assert.match(await guest.serial(), /micro ready/);
  await guest.monitor.execute('system_powerdown');
  await ended(guest, 'the guest to obey the power button');
});
