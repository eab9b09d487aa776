import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ImageSpec, PoolSpec } from '#contract/generated/agent-array.ts';
import type { NbdClient } from '#libs/nbd/client.ts';
import { run } from '#libs/process/run.ts';
import { measureIops } from '../measure-iops.ts';
import { cannotRun, connectVolume, daemonPid, testFolder } from './array-for-tests.ts';
import { emptyQcow2, writeQcow2 } from './qcow2-file.ts';

const mib = 1024 ** 2;
const gib = 1024 ** 3;
const block = (letter: string): Buffer => Buffer.alloc(4096, letter);

function pool(change: Partial<PoolSpec> = {}): PoolSpec {
  return { storageClass: 'standard', sizeBytes: 100 * gib, iopsLimit: null, encrypted: true, ...change };
}

async function imageOf(sourcePath: string, format: ImageSpec['format'] = 'raw'): Promise<ImageSpec> {
  return {
    sourcePath,
    format,
    sha256: createHash('sha256')
      .update(await readFile(sourcePath))
      .digest('hex'),
  };
}

describe('an array of qemu-storage-daemon', { skip: cannotRun }, () => {
  test('a volume shows its image until it is written, and never writes to it', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const source = join(folder.path, 'base.raw');
    await writeFile(source, Buffer.alloc(2 * mib, 'i'));
    const [poolId, imageId, a, b] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    await array.putPool(poolId, pool());
    await array.putImage(imageId, await imageOf(source));
    for (const id of [a, b]) await array.putVolume(id, { poolId, sizeBytes: gib, imageId });
    const guest = await connectVolume(array, a);
    const other = await connectVolume(array, b);
    assert.equal(guest.sizeBytes, gib);
    assert.deepEqual(await guest.read(mib, 4096), block('i'));
    assert.deepEqual(await guest.read(100 * mib, 4096), Buffer.alloc(4096));
    await guest.write(mib, block('w'));
    assert.deepEqual(await guest.read(mib, 4096), block('w'));
    assert.deepEqual(await guest.read(mib + 4096, 4096), block('i'));
    assert.deepEqual(await other.read(mib, 4096), block('i'));
    const copy = join(folder.path, 's', 'images', `${imageId}.raw`);
    assert.equal((await stat(copy)).mode & 0o777, 0o444);
    assert.deepEqual(await readFile(copy), Buffer.alloc(2 * mib, 'i'));
    for (const client of [guest, other]) client.close();
  });

  test('STO-16: nothing a guest writes to an encrypted pool can be found on the medium', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const pattern = 'the quick brown fox jumps over 13 lazy dogs';
    for (const encrypted of [true, false]) {
      const [poolId, id] = [randomUUID(), randomUUID()];
      await array.putPool(poolId, pool({ encrypted }));
      await array.putVolume(id, { poolId, sizeBytes: gib });
      const guest = await connectVolume(array, id);
      await guest.write(0, Buffer.alloc(mib, pattern));
      await guest.flush();
      guest.close();
      const file = join(folder.path, 's', 'pools', poolId, 'volumes', `${id}.qcow2`);
      assert.equal((await readFile(file)).includes(pattern), !encrypted);
      const key = join(folder.path, 'k', `${poolId}.key`);
      assert.equal(existsSync(key), encrypted);
      if (encrypted) {
        assert.equal((await stat(key)).mode & 0o777, 0o600);
        const argv = await readFile(`/proc/${await daemonPid(folder.path, poolId)}/cmdline`, 'utf8');
        assert.doesNotMatch(argv, new RegExp((await readFile(key, 'utf8')).replace(/[+/=]/g, '.')));
        const info = JSON.parse(await run(['qemu-img', 'info', '-U', '--output=json', file])) as { encrypted: boolean };
        assert.equal(info.encrypted, true);
      }
    }
  });

  test('the daemon runs as its own user and only the clients’ group may connect', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const [poolId, id] = [randomUUID(), randomUUID()];
    await array.putPool(poolId, pool());
    const { nbd } = await array.putVolume(id, { poolId, sizeBytes: gib });
    const status = await readFile(`/proc/${await daemonPid(folder.path, poolId)}/status`, 'utf8');
    assert.match(status, /^Uid:\t65534\t65534\t65534/m);
    assert.match(status, /^Gid:\t65534\t65534\t65534/m);
    const socket = await stat(nbd.socketPath ?? '');
    assert.deepEqual([socket.mode & 0o777, socket.uid, socket.gid], [0o660, 65_534, 65_534]);
    const runFolder = await stat(join(folder.path, 'r', poolId.slice(-12)));
    assert.equal(runFolder.mode & 0o007, 0);
  });

  test('a volume grows while it is exported: who connects again sees the new size and the old data', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const [poolId, id] = [randomUUID(), randomUUID()];
    await array.putPool(poolId, pool());
    await array.putVolume(id, { poolId, sizeBytes: gib });
    const before = await connectVolume(array, id);
    await before.write(gib - 4096, block('e'));
    await array.putVolume(id, { poolId, sizeBytes: 3 * gib });
    await assert.rejects(before.read(0, 4096));
    const after = await connectVolume(array, id);
    assert.equal(after.sizeBytes, 3 * gib);
    assert.deepEqual(await after.read(gib - 4096, 4096), block('e'));
    await after.write(3 * gib - 4096, block('n'));
    after.close();
  });

  test('a snapshot over two volumes is one instant of both', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const [poolId, a, b, snapshotId] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    await array.putPool(poolId, pool({ encrypted: false }));
    for (const id of [a, b]) await array.putVolume(id, { poolId, sizeBytes: mib });
    const [first, second] = [await connectVolume(array, a), await connectVolume(array, b)];
    // A writer as a database on two disks: n goes to the first disk, and only then to the second.
    let stop = false;
    const counter = Buffer.alloc(4096);
    const writer = (async () => {
      for (let n = 1; !stop; n += 1) {
        counter.writeUInt32BE(n, 0);
        await first.write(0, counter);
        await second.write(0, counter);
      }
    })();
    await first.read(0, 4096);
    await array.putSnapshot(snapshotId, [a, b]);
    stop = true;
    await writer;
    for (const client of [first, second]) client.close();
    await array.deleteSnapshot(randomUUID());
    const counts = [];
    for (const id of [a, b]) counts.push(await snapshotCounter(folder.path, { poolId, id, snapshotId }));
    const [one = -1, two = -1] = counts;
    assert.ok(one === two || one === two + 1, `first disk at ${one}, second at ${two}`);
  });

  test('SNP-03: a snapshot keeps the old data, costs what was overwritten, and gives it back', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const [poolId, id, snapshotId] = [randomUUID(), randomUUID(), randomUUID()];
    await array.putPool(poolId, pool());
    await array.putVolume(id, { poolId, sizeBytes: gib });
    const guest = await connectVolume(array, id);
    await guest.write(0, Buffer.alloc(8 * mib, 'o'));
    await guest.flush();
    await array.putSnapshot(snapshotId, [id]);
    await guest.write(0, Buffer.alloc(8 * mib, 'n'));
    await guest.flush();
    const { usedBytes } = await array.getSnapshot(snapshotId);
    assert.ok(usedBytes >= 8 * mib && usedBytes < 10 * mib, `${usedBytes}`);
    const used = (await array.getVolume(id)).usedBytes;
    await array.deleteSnapshot(snapshotId);
    assert.deepEqual(await guest.read(0, 4096), block('n'));
    assert.ok((await array.getVolume(id)).usedBytes <= used - 7 * mib);
    guest.close();
  });

  test('a killed daemon is back at once with the same exports and all that was flushed', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const poolId = randomUUID();
    await array.putPool(poolId, pool());
    const ids = Array.from({ length: 4 }, () => randomUUID());
    for (const id of ids) await array.putVolume(id, { poolId, sizeBytes: gib });
    for (const id of ids) {
      const guest = await connectVolume(array, id);
      await guest.write(64 * mib, block('k'));
      await guest.flush();
      guest.close();
    }
    const before = await Promise.all(ids.map((id) => array.getVolume(id)));
    const pid = await daemonPid(folder.path, poolId);
    process.kill(pid, 'SIGKILL');
    const late = array.putVolume(randomUUID(), { poolId, sizeBytes: gib });
    for (const id of ids) {
      const guest = await connectVolume(array, id);
      assert.deepEqual(await guest.read(64 * mib, 4096), block('k'));
      guest.close();
    }
    await late;
    assert.notEqual(await daemonPid(folder.path, poolId), pid);
    assert.deepEqual(
      (await Promise.all(ids.map((id) => array.getVolume(id)))).map(({ nbd }) => nbd),
      before.map(({ nbd }) => nbd),
    );
    assert.equal((await array.array()).healthy, true);
  });

  test('a daemon killed at any time during 20 creates leaves whole volumes and nothing else', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const poolId = randomUUID();
    await array.putPool(poolId, pool());
    const ids = Array.from({ length: 20 }, () => randomUUID());
    const creates = ids.map((id) => array.putVolume(id, { poolId, sizeBytes: gib }));
    for (let kill = 0; kill < 3; kill += 1) {
      await Promise.race(creates.slice(kill * 5, kill * 5 + 5));
      process.kill(await daemonPid(folder.path, poolId).catch(() => Number.NaN), 'SIGKILL');
      await array.putPool(poolId, pool());
    }
    await Promise.all(creates);
    const clients = await Promise.all(ids.map((id) => connectVolume(array, id)));
    for (const client of clients) client.close();
    const files = await readdir(join(folder.path, 's', 'pools', poolId, 'volumes'));
    assert.deepEqual(files.toSorted(), ids.flatMap((id) => [`${id}.json`, `${id}.qcow2`]).toSorted());
  });

  test('the next agent adopts the daemon: connections live on, strays are swept away', async () => {
    await using folder = await testFolder();
    const first = await folder.open();
    const [poolId, id] = [randomUUID(), randomUUID()];
    await first.putPool(poolId, pool());
    await first.putVolume(id, { poolId, sizeBytes: gib });
    const guest = await connectVolume(first, id);
    await guest.write(0, block('a'));
    const pid = await daemonPid(folder.path, poolId);
    await first.close();
    const volumes = join(folder.path, 's', 'pools', poolId, 'volumes');
    await writeQcow2(join(volumes, `${randomUUID()}.qcow2`), emptyQcow2({ sizeBytes: gib }), { mode: 0o600 });
    await writeFile(join(volumes, `${randomUUID()}.json.1234abcd.tmp`), '{');
    await folder.open();
    assert.equal(await daemonPid(folder.path, poolId), pid);
    assert.deepEqual(await guest.read(0, 4096), block('a'));
    assert.equal((await readdir(volumes)).length, 2);
    guest.close();
  });

  test('images that lead to other files, lie about their format or are damaged are refused', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const [outside, inside] = [join(folder.path, 'outside.qcow2'), join(folder.path, 'notes.txt')];
    const backing = { path: '/etc/shadow', format: 'raw' } as const;
    await writeQcow2(outside, emptyQcow2({ sizeBytes: gib, backing }), { mode: 0o644 });
    await writeFile(inside, 'no image at all');
    await assert.rejects(array.putImage(randomUUID(), await imageOf(outside, 'qcow2')), {
      code: 'invalid_spec',
      message: /backing file/,
    });
    await assert.rejects(array.putImage(randomUUID(), await imageOf(inside, 'qcow2')), { code: 'invalid_spec' });
    await assert.rejects(
      array.putImage(randomUUID(), { sourcePath: '/nowhere', format: 'raw', sha256: '0'.repeat(64) }),
      { code: 'invalid_spec', message: /sourcePath/ },
    );
    await assert.rejects(array.putImage(randomUUID(), { ...(await imageOf(outside)), sha256: '0'.repeat(64) }), {
      code: 'checksum_mismatch',
    });
    assert.deepEqual(await readdir(join(folder.path, 's', 'images')), []);
  });

  test('an image that nobody may write to is linked, not copied', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const source = join(folder.path, 'sealed.qcow2');
    await writeQcow2(source, emptyQcow2({ sizeBytes: gib }), { mode: 0o444 });
    await chmod(source, 0o444);
    const imageId = randomUUID();
    await array.putImage(imageId, await imageOf(source, 'qcow2'));
    assert.equal((await stat(join(folder.path, 's', 'images', `${imageId}.qcow2`))).ino, (await stat(source)).ino);
    await array.deleteImage(imageId);
    assert.ok(existsSync(source));
  });

  test('nothing new is made when the medium runs short; what is there goes on', async () => {
    await using folder = await testFolder();
    const short = await folder.open({ reserveBytes: 2 ** 50 });
    const poolId = randomUUID();
    await short.putPool(poolId, pool());
    await assert.rejects(short.putVolume(randomUUID(), { poolId, sizeBytes: gib }), {
      status: 507,
      code: 'insufficient_space',
      message: /free on the medium/,
    });
    const state = await short.array();
    assert.equal(state.healthy, false);
    assert.match(state.problems.join(), /free on the medium/);
    assert.equal((await short.getPool(poolId)).allocatedBytes, 0);
  });

  test('a full medium refuses writes with ENOSPC and new things with 507, and harms nothing that was written', async () => {
    await using folder = await testFolder({ mediumBytes: 24 * mib });
    const array = await folder.open({ reserveBytes: 4 * mib });
    const [poolId, id] = [randomUUID(), randomUUID()];
    await array.putPool(poolId, pool({ encrypted: false }));
    await array.putVolume(id, { poolId, sizeBytes: gib });
    const guest = await connectVolume(array, id);
    await guest.write(0, block('k'));
    await guest.flush();
    await assert.rejects(fill(guest), { code: 'ENOSPC' });
    await assert.rejects(array.putVolume(randomUUID(), { poolId, sizeBytes: gib }), {
      status: 507,
      code: 'insufficient_space',
    });
    await assert.rejects(array.putSnapshot(randomUUID(), [id]), { status: 507, code: 'insufficient_space' });
    assert.deepEqual(await guest.read(0, 4096), block('k'));
    await folder.resizeMedium(64 * mib);
    await guest.write(512 * mib, block('r'));
    assert.deepEqual(await guest.read(512 * mib, 4096), block('r'));
    guest.close();
  });

  test('STO-09: volumes of one pool share its limit', async () => {
    await using folder = await testFolder();
    const array = await folder.open();
    const [poolId, a, b] = [randomUUID(), randomUUID(), randomUUID()];
    await array.putPool(poolId, pool({ iopsLimit: 200, encrypted: false }));
    for (const id of [a, b]) await array.putVolume(id, { poolId, sizeBytes: gib });
    const socket = (await array.getVolume(a)).nbd.socketPath ?? '';
    const both = (): Promise<number> =>
      Promise.all([a, b].map((id) => measureIops(socket, id, { seconds: 1, spanBytes: mib }))).then((measured) =>
        measured.reduce((sum, { operations }) => sum + operations, 0),
      );
    const limited = await both();
    // 200/s, and what was in flight (32 of each) or saved up (a tenth of a second) on top.
    assert.ok(limited <= 400, `${limited} operations in a second`);
    await array.putPool(poolId, pool({ iopsLimit: null, encrypted: false }));
    const free = await both();
    assert.ok(free > 2 * limited, `${free} operations in a second without limit, ${limited} with`);
  });
});

async function fill(guest: NbdClient): Promise<never> {
  for (let offset = mib; ; offset += mib) await guest.write(offset, Buffer.alloc(mib, 'f'));
}

/** What the writer of the snapshot test had counted to, read from the snapshot inside the volume's file. */
async function snapshotCounter(
  folder: string,
  at: { poolId: string; id: string; snapshotId: string },
): Promise<number> {
  const file = join(folder, 's', 'pools', at.poolId, 'volumes', `${at.id}.qcow2`);
  const copy = join(folder, `${at.id}.raw`);
  await run(['qemu-img', 'convert', '-U', '-l', `snapshot.name=${at.snapshotId}`, '-O', 'raw', file, copy]);
  return (await readFile(copy)).readUInt32BE(0);
}
