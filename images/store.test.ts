import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { catalogueFile, CorruptCatalogue, imageFile, readCatalogue } from './catalogue.ts';
import type { ImageCheck } from './catalogue.ts';
import { imageIdOf } from './ids.ts';
import { withLock } from './lock.ts';
import { ImageRefused, ImageStore } from './store.ts';
import type { NewImage } from './store.ts';

const passedCheck: ImageCheck = { name: 'boot', passed: true, at: '2026-01-01T00:00:00.000Z', detail: 'booted' };

async function emptyStore(t: TestContext): Promise<ImageStore> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bastide-images-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const store = new ImageStore(folder);
  await store.open();
  return store;
}

async function addVersion(store: ImageStore, checks: ImageCheck[] = [passedCheck], name = 'Test image') {
  const work = await store.scratch('test');
  const image = path.join(work, 'image.qcow2');
  await writeFile(image, 'content');
  const described: NewImage = {
    ...{ id: imageIdOf(name), versionId: crypto.randomUUID(), slug: 'test', name, kind: 'official', osFamily: 'linux' },
    ...{
      osName: 'Test',
      osVersion: '1',
      format: 'qcow2',
      virtualSizeBytes: 1,
      minDiskGib: 1,
      lineage: null,
      toolsVersion: null,
    },
    ...{ checks, changelog: '', recipeHash: null, packages: [] },
  };
  return store.register({ image }, described);
}

test('IMG-04: a newer published version supersedes the one before and leaves its file as it is', async (t) => {
  const store = await emptyStore(t);
  const first = await addVersion(store);
  await store.publish(first.versionId);
  const second = await addVersion(store);
  assert.notEqual(second.version, first.version);
  assert.equal(second.id, first.id);
  await store.publish(second.versionId, 'Newer kernel.');
  const [before, after] = await store.list();
  assert.deepEqual([before?.status, after?.status, after?.changelog], ['superseded', 'published', 'Newer kernel.']);
  assert.equal(before?.sha256, first.sha256);
  assert.ok(existsSync(imageFile(store.dir, first)));
  await assert.rejects(store.publish(first.versionId), ImageRefused);
});

test('a version taken over from another store is the same, file and record, and comes once', async (t) => {
  const [from, to] = [await emptyStore(t), await emptyStore(t)];
  const record = await from.publish((await addVersion(from)).versionId);
  for (let time = 0; time < 2; time += 1) await to.adopt(record, { image: imageFile(from.dir, record) });
  assert.deepEqual(await to.list(), [record]);
  assert.equal(await readFile(imageFile(to.dir, record), 'utf8'), 'content');
  assert.ok(existsSync(imageFile(from.dir, record)), 'and stays where it was');
});

test('RACI-11: what has no check, or a failed one, cannot be published', async (t) => {
  const store = await emptyStore(t);
  const unchecked = await addVersion(store, []);
  const failed = await addVersion(store, [
    passedCheck,
    { ...passedCheck, name: 'qcow2', passed: false, detail: 'leaked clusters' },
  ]);
  assert.deepEqual([unchecked.status, failed.status], ['draft', 'draft']);
  await assert.rejects(store.publish(unchecked.versionId), /no check is recorded/);
  await assert.rejects(store.publish(failed.versionId), /leaked clusters/);
  assert.equal((await store.recordCheck(failed.versionId, { ...passedCheck, name: 'qcow2' })).status, 'validated');
});

test('a published version is not removed unless forced; a removed one takes its file along', async (t) => {
  const store = await emptyStore(t);
  const record = await addVersion(store);
  await store.publish(record.versionId);
  await assert.rejects(store.remove(record.versionId), ImageRefused);
  await store.remove(record.versionId, { force: true });
  assert.deepEqual(await store.list(), []);
  assert.equal(existsSync(imageFile(store.dir, record)), false);
  await assert.rejects(store.remove(record.versionId), /no image version/);
});

test('twenty registrations at once all end up in the catalogue, and every reader sees a whole one', async (t) => {
  const store = await emptyStore(t);
  let writing = true;
  const reader = (async () => {
    let reads = 0;
    while (writing) {
      await readCatalogue(store.dir);
      reads += 1;
    }
    return reads;
  })();
  const records = await Promise.all(Array.from({ length: 20 }, async () => addVersion(store)));
  writing = false;
  assert.ok((await reader) > 0);
  const listed = await store.list();
  assert.deepEqual(
    listed.map((record) => record.versionId).toSorted(),
    records.map((record) => record.versionId).toSorted(),
  );
  assert.equal(new Set(listed.map((record) => record.version)).size, 20);
});

test('a registration whose file cannot be moved leaves the catalogue as it was', async (t) => {
  const store = await emptyStore(t);
  const kept = await addVersion(store);
  const {
    version: _version,
    status: _status,
    createdAt: _at,
    releaseDate: _date,
    sha256: _sha,
    fileSize: _size,
    ...described
  } = kept;
  await assert.rejects(
    store.register({ image: path.join(store.dir, 'nowhere') }, { ...described, versionId: crypto.randomUUID() }),
  );
  assert.deepEqual(await store.list(), [kept]);
});

test('opening a store clears what an interrupted build left, not what a live one works on', async (t) => {
  const store = await emptyStore(t);
  const own = await store.scratch('live');
  // The pid limit of Linux is 4194304: no process has this number.
  await mkdir(path.join(store.dir, 'tmp/4194305-micro-abc'));
  await store.open();
  assert.deepEqual(await readdir(path.join(store.dir, 'tmp')), [path.basename(own)]);
});

test('a damaged catalogue is reported, not taken as empty', async (t) => {
  const store = await emptyStore(t);
  await writeFile(path.join(store.dir, catalogueFile), '{"formatVersion":1,"images":[{"id":');
  await assert.rejects(store.list(), CorruptCatalogue);
  await assert.rejects(addVersion(store), CorruptCatalogue);
});

test('a lock left by a process that is gone is taken over; a live one makes others wait', async (t) => {
  const store = await emptyStore(t);
  const file = path.join(store.dir, 'x.lock');
  await writeFile(file, '4194305 gone\n');
  assert.equal(await withLock(file, 1000, async () => 'mine'), 'mine');
  const order: string[] = [];
  await withLock(file, 1000, async () => {
    await assert.rejects(
      withLock(file, 150, async () => order.push('stolen')),
      /timed out/,
    );
    order.push('held');
  });
  assert.deepEqual(order, ['held']);
});

test('the id of an image depends on its name alone and is a UUID v5', () => {
  assert.equal(imageIdOf('Debian 12'), imageIdOf('Debian 12'));
  assert.notEqual(imageIdOf('Debian 12'), imageIdOf('Micro (test)'));
  assert.match(imageIdOf('Debian 12'), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
