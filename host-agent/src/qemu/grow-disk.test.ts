import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { waitFor } from '#libs/process/wait.ts';
import { QmpClient } from '#libs/qmp/client.ts';
import { machinePaths } from './machine-paths.ts';
import { bootSector } from './boot-sector.ts';
import { QemuHost } from './qemu-host.ts';
import { skipReason, specWith, TestHost } from './testing/test-host.ts';

const MIB = 1024 * 1024;

/** A storage daemon with one exported volume. */
async function storageDaemon(
  t: TestContext,
  host: TestHost,
): Promise<{ qmp: QmpClient; nbd: string; export: () => Promise<void> }> {
  const [image, nbd, monitor] = [join(host.root, 'v.img'), join(host.root, 'nbd'), join(host.root, 'qsd')];
  writeFileSync(image, Buffer.concat([bootSector('grow\r\n', 'halt')], 4 * MIB));
  const child = spawn(
    'qemu-storage-daemon',
    [
      ...['--chardev', `socket,id=monitor,path=${monitor},server=on,wait=off`, '--monitor', 'chardev=monitor'],
      ...['--blockdev', `driver=raw,node-name=v,file.driver=file,file.filename=${image}`],
      ...['--nbd-server', `addr.type=unix,addr.path=${nbd},max-connections=8`],
    ],
    { stdio: 'ignore' },
  );
  await waitFor(() => existsSync(monitor) && existsSync(nbd), { what: 'the storage daemon', timeoutMs: 10_000 });
  chownSync(nbd, host.config.qemu.uid, host.config.qemu.gid);
  chmodSync(nbd, 0o600);
  const qmp = await QmpClient.connect(monitor, { timeoutMs: 10_000 });
  t.after(async () => {
    qmp.close();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await host.end();
  });
  const exported = async (): Promise<void> => {
    await qmp.execute('block-export-add', { type: 'nbd', id: 'v', 'node-name': 'v', name: 'v', writable: true });
  };
  return { qmp, nbd, export: exported };
}

test('a disk that grew behind a running guest is grown for the guest', { skip: skipReason ?? false }, async (t) => {
  const host = new TestHost();
  const storage = await storageDaemon(t, host);
  await storage.export();
  const driver = await QemuHost.open(host.config, host.log);
  const id = randomUUID();
  try {
    const disk = {
      volumeId: randomUUID(),
      position: 0,
      serial: 'v',
      sizeBytes: 4 * MIB,
      nbd: { socketPath: storage.nbd, export: 'v' },
    };
    const { pid } = await driver.put(id, specWith([disk]));
    // As an array grows a volume: its export goes away, comes back larger.
    const gone = new Promise<void>((resolve) => {
      storage.qmp.on('event', ({ event }) => {
        if (event === 'BLOCK_EXPORT_DELETED') resolve();
      });
    });
    await storage.qmp.execute('block-export-del', { id: 'v', mode: 'hard' });
    await gone;
    await storage.qmp.execute('block_resize', { 'node-name': 'v', size: 8 * MIB });
    await storage.export();

    const grown = await driver.put(id, { ...specWith([{ ...disk, sizeBytes: 8 * MIB }]), generation: 2 });
    assert.equal(grown.pid, pid);
    await driver.close();
    const qemu = await QmpClient.connect(machinePaths(id, host.config).qmp, { timeoutMs: 5_000 });
    const blocks = await qemu.execute<{ inserted: { image: { 'virtual-size': number } } }[]>('query-block');
    assert.equal(blocks[0]?.inserted.image['virtual-size'], 8 * MIB);
    qemu.close();
  } finally {
    await driver.close();
    const last = await QemuHost.open(host.config, host.log);
    await last.delete(id);
    await last.close();
  }
});
