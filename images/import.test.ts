import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { run } from '#libs/process/run.ts';
import { encodeMbr, singlePartition } from './build/mbr.ts';
import { importImage } from './import.ts';
import type { ImportOptions } from './import.ts';
import { detectFormat, ImageRejected } from './inspect.ts';
import { ImageStore, sha256OfFile } from './store.ts';

const skip = spawnSync('qemu-img', ['--version']).status === 0 ? false : 'needs qemu-img';
const mib = 1024 ** 2;

interface Fixture {
  folder: string;
  store: ImageStore;
  raw: string;
  take: (source: string, changes?: Partial<ImportOptions>) => ReturnType<typeof importImage>;
}

async function fixture(t: TestContext): Promise<Fixture> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bastide-import-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const store = new ImageStore(path.join(folder, 'images'));
  const raw = path.join(folder, 'disk.raw');
  await writeFile(raw, encodeMbr(Buffer.alloc(0), 7, [singlePartition(4 * mib)]));
  await truncate(raw, 4 * mib);
  const options = {
    store,
    name: 'Mine',
    slug: 'mine',
    kind: 'custom',
    osFamily: 'linux',
    osName: 'Linux',
    osVersion: '',
    sha256: null,
  } as const;
  const rest = {
    allowUnverified: false,
    maxVirtualGib: 10,
    minDiskGib: null,
    lineage: null,
    bootCheck: false,
    changelog: '',
    progress: () => undefined,
  };
  return {
    folder,
    store,
    raw,
    take: (source, changes = {}) => importImage({ ...options, ...rest, source, ...changes }),
  };
}

async function nothingKept(store: ImageStore): Promise<void> {
  assert.deepEqual(await store.list(), []);
  assert.deepEqual(await readdir(path.join(store.dir, 'tmp')), []);
}

test(
  'IMG-04: raw, qcow2 and VMDK come in as qcow2 with their checks recorded, whatever the file is called',
  { skip },
  async (t) => {
    const { folder, store, raw, take } = await fixture(t);
    for (const format of ['raw', 'qcow2', 'vmdk']) {
      const source = path.join(folder, `misnamed-${format}.iso`);
      await run(['qemu-img', 'convert', '-O', format, raw, source]);
      const record = await take(source, { sha256: await sha256OfFile(source), name: `From ${format}` });
      assert.deepEqual(
        [record.status, record.kind, record.format, record.virtualSizeBytes],
        ['validated', 'custom', 'qcow2', 4 * mib],
      );
      assert.deepEqual(
        record.checks.map((check) => [check.name, check.passed]),
        [
          ['checksum', true],
          ['qcow2', true],
        ],
      );
      assert.equal(record.toolsVersion, null);
    }
    assert.deepEqual(await readdir(path.join(store.dir, 'tmp')), []);
  },
);

test(
  'a qcow2 with a backing file is refused, even when the backing file is a secret of this machine',
  { skip },
  async (t) => {
    const { folder, store, take } = await fixture(t);
    const source = path.join(folder, 'thief.qcow2');
    await run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-u', '-b', '/etc/shadow', '-F', 'raw', source, '4M']);
    await assert.rejects(
      take(source),
      (error) => error instanceof ImageRejected && /backing file \/etc\/shadow/.test(error.message),
    );
    await nothingKept(store);
  },
);

test('a qcow2 with an external data file is refused', { skip }, async (t) => {
  const { folder, store, take } = await fixture(t);
  const source = path.join(folder, 'split.qcow2');
  await run([
    'qemu-img',
    'create',
    '-q',
    '-f',
    'qcow2',
    '-o',
    `data_file=${path.join(folder, 'data.raw')}`,
    source,
    '4M',
  ]);
  await assert.rejects(take(source), ImageRejected);
  await nothingKept(store);
});

test('a file that only calls itself qcow2 is refused', { skip }, async (t) => {
  const { folder, store, take } = await fixture(t);
  const source = path.join(folder, 'text.qcow2');
  await writeFile(source, 'no disk at all\n'.repeat(100));
  await assert.rejects(take(source), /neither qcow2 nor VMDK/);
  await writeFile(source, Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), Buffer.alloc(5000, 0x41)]));
  await assert.rejects(take(source), /cannot be read as qcow2/);
  await nothingKept(store);
});

test('a damaged qcow2 is refused', { skip }, async (t) => {
  const { folder, raw, take, store } = await fixture(t);
  const source = path.join(folder, 'hurt.qcow2');
  await run(['qemu-img', 'convert', '-O', 'qcow2', raw, source]);
  const bytes = await readFile(source);
  // An L1 entry (table offset at byte 40 of the header) that points far behind the file.
  bytes.writeBigUInt64BE(0x8000_0000_7fff_0000n, Number(bytes.readBigUInt64BE(40)));
  await writeFile(source, bytes);
  await assert.rejects(take(source), ImageRejected);
  await nothingKept(store);
});

test('a wrong checksum, a missing file, a folder and a disk over the limit are refused', { skip }, async (t) => {
  const { folder, raw, store, take } = await fixture(t);
  await assert.rejects(take(raw, { sha256: '0'.repeat(64) }), /its SHA-256 is [0-9a-f]{64}, expected 0{64}/);
  await assert.rejects(take(path.join(folder, 'absent')), /is not there/);
  await assert.rejects(take(folder), /is not a file/);
  const big = path.join(folder, 'big.qcow2');
  await run(['qemu-img', 'create', '-q', '-f', 'qcow2', big, '11G']);
  await assert.rejects(take(big), /11 GiB, the limit is 10 GiB/);
  await nothingKept(store);
});

test('a URL needs a checksum; a truncated answer or an error is refused', { skip }, async (t) => {
  const { raw, store, take } = await fixture(t);
  const content = await readFile(raw);
  const server = createServer((request, response) => {
    if (request.url === '/disk') response.end(content);
    else if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1000));
      setImmediate(() => response.destroy());
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address() as AddressInfo;
  const url = (name: string): string => `http://127.0.0.1:${address.port}/${name}`;
  await assert.rejects(take(url('disk')), /needs --sha256/);
  await assert.rejects(take(url('missing'), { allowUnverified: true }), /answered 404/);
  await assert.rejects(take(url('cut'), { allowUnverified: true }));
  const sha256 = await sha256OfFile(raw);
  assert.equal((await store.list()).length, 0);
  assert.equal((await take(url('disk'), { sha256 })).status, 'validated');
});

test('archives, ISO images and other disk formats are named as what they are', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'bastide-detect-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'x.raw');
  const iso = Buffer.alloc(0x9000);
  iso.write('CD001', 0x8001);
  const heads: [Buffer, RegExp][] = [
    [Buffer.from([0x1f, 0x8b, 8, 0]), /gzip/],
    [iso, /ISO 9660/],
    [Buffer.from('vhdxfile'), /VHDX/],
    [Buffer.from('# Disk DescriptorFile\n'), /descriptor/],
    [Buffer.alloc(0), /no boot sector/],
  ];
  for (const [head, reason] of heads) {
    await writeFile(file, head);
    await assert.rejects(detectFormat(file), reason);
  }
});
