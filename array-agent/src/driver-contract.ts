import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ImageSpec, PoolSpec } from '#contract/generated/agent-array.ts';
import type { ArrayDriver } from './driver.ts';

const gib = 1024 ** 3;
const mib = 1024 ** 2;
const capacityBytes = 100 * gib;

/** What a driver under test is made of; the same `folder` again means the same array after a restart. */
export interface DriverSetting {
  readonly folder: string;
  readonly capacityBytes: number;
}

export interface ContractOptions {
  /** Why the driver cannot be tested here. */
  readonly skip?: string | false;
}

/**
 * The tests every array driver passes, on an array of 100 GiB.
 * @param makeDriver a driver on an empty or earlier folder
 */
export function arrayDriverContract(
  name: string,
  makeDriver: (setting: DriverSetting) => Promise<ArrayDriver>,
  options: ContractOptions = {},
): void {
  describe(`array contract: ${name}`, { skip: options.skip ?? false }, () => {
    let folder = '';
    let driver: ArrayDriver;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'bac-'));
      // A driver may leave its work to another user, who has to get through.
      await chmod(folder, 0o711);
      driver = await makeDriver({ folder, capacityBytes });
    });
    after(async () => {
      await empty(driver);
      await driver.close();
      await rm(folder, { recursive: true, force: true });
    });

    const pool = (change: Partial<PoolSpec> = {}): PoolSpec => ({
      storageClass: 'standard',
      sizeBytes: 10 * gib,
      iopsLimit: 15,
      encrypted: false,
      ...change,
    });
    const newPool = async (change: Partial<PoolSpec> = {}): Promise<string> => {
      const id = randomUUID();
      await driver.putPool(id, pool(change));
      return id;
    };
    const rawImage = async (size: number): Promise<ImageSpec> => {
      const content = Buffer.alloc(size, 0x61);
      const sourcePath = join(folder, `${randomUUID()}.raw`);
      await writeFile(sourcePath, content);
      return { sourcePath, format: 'raw', sha256: createHash('sha256').update(content).digest('hex') };
    };

    test('the array says what it is', async () => {
      const array = await driver.array();
      assert.equal(array.capacityBytes, capacityBytes);
      assert.equal(array.healthy, true);
      assert.deepEqual(array.problems, []);
      assert.ok(array.freeBytes > 0);
      assert.ok(Number.isFinite(Date.parse(array.startedAt)));
    });

    test('a pool is created, read, changed and deleted; each of it can be repeated', async () => {
      const id = randomUUID();
      await assert.rejects(driver.getPool(id), { status: 404, code: 'not_found' });
      const created = await driver.putPool(id, pool());
      assert.equal(created.id, id);
      assert.deepEqual([created.allocatedBytes, created.volumeCount, created.healthy], [0, 0, true]);
      assert.deepEqual(await driver.putPool(id, pool()), created);
      const grown = await driver.putPool(id, pool({ sizeBytes: 20 * gib, iopsLimit: 30, bandwidthLimitBytes: mib }));
      assert.deepEqual([grown.sizeBytes, grown.iopsLimit, grown.bandwidthLimitBytes], [20 * gib, 30, mib]);
      assert.deepEqual(await driver.getPool(id), grown);
      assert.ok((await driver.listPools()).some((each) => each.id === id));
      await driver.deletePool(id);
      await driver.deletePool(id);
      await assert.rejects(driver.getPool(id), { status: 404 });
    });

    test('STO-13: pools never exceed the array, volumes never their pool', async () => {
      await assert.rejects(driver.putPool(randomUUID(), pool({ sizeBytes: capacityBytes + gib })), {
        status: 507,
        code: 'insufficient_space',
      });
      const poolId = await newPool({ sizeBytes: 4 * gib });
      const ids = Array.from({ length: 8 }, () => randomUUID());
      const made = await Promise.allSettled(ids.map((id) => driver.putVolume(id, { poolId, sizeBytes: gib })));
      assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 4);
      for (const each of made) {
        if (each.status === 'rejected') assert.equal((each.reason as { code: string }).code, 'insufficient_space');
      }
      const state = await driver.getPool(poolId);
      assert.deepEqual([state.allocatedBytes, state.volumeCount], [4 * gib, 4]);
      await assert.rejects(driver.putPool(poolId, pool({ sizeBytes: 3 * gib })), { status: 409, code: 'pool_in_use' });
      await assert.rejects(driver.deletePool(poolId), { status: 409, code: 'pool_in_use' });
      await Promise.all(ids.map((id) => driver.deleteVolume(id)));
      assert.equal((await driver.getPool(poolId)).allocatedBytes, 0);
      await driver.deletePool(poolId);
    });

    test('a volume is created, grown and deleted; each of it can be repeated', async () => {
      const poolId = await newPool();
      const id = randomUUID();
      await assert.rejects(driver.putVolume(id, { poolId: randomUUID(), sizeBytes: gib }), { status: 404 });
      await assert.rejects(driver.getVolume(id), { status: 404, code: 'not_found' });
      const created = await driver.putVolume(id, { poolId, sizeBytes: gib });
      assert.deepEqual(
        [created.id, created.poolId, created.sizeBytes, created.imageId, created.snapshotIds],
        [id, poolId, gib, null, []],
      );
      assert.notEqual(created.nbd.export, '');
      assert.deepEqual((await driver.putVolume(id, { poolId, sizeBytes: gib })).nbd, created.nbd);
      assert.equal((await driver.putVolume(id, { poolId, sizeBytes: 2 * gib })).sizeBytes, 2 * gib);
      assert.equal((await driver.getPool(poolId)).allocatedBytes, 2 * gib);
      await assert.rejects(driver.putVolume(id, { poolId, sizeBytes: gib }), { status: 409, code: 'cannot_shrink' });
      await assert.rejects(driver.putVolume(id, { poolId, sizeBytes: 11 * gib }), {
        status: 507,
        code: 'insufficient_space',
      });
      assert.equal((await driver.getVolume(id)).sizeBytes, 2 * gib);
      await driver.deleteVolume(id);
      await driver.deleteVolume(id);
      await assert.rejects(driver.getVolume(id), { status: 404 });
      await driver.deletePool(poolId);
    });

    test('what a volume stands on cannot change', async () => {
      const poolId = await newPool();
      const other = await newPool({ sizeBytes: gib });
      const id = randomUUID();
      await driver.putVolume(id, { poolId, sizeBytes: gib });
      await assert.rejects(driver.putVolume(id, { poolId: other, sizeBytes: gib }), { status: 409, code: 'immutable' });
      await assert.rejects(driver.putPool(poolId, pool({ encrypted: true })), { status: 409, code: 'immutable' });
      await driver.deleteVolume(id);
      await Promise.all([driver.deletePool(poolId), driver.deletePool(other)]);
    });

    test('an image is checked, taken, based upon and kept while it is', async () => {
      const spec = await rawImage(2 * mib);
      const imageId = randomUUID();
      const poolId = await newPool();
      const id = randomUUID();
      await assert.rejects(driver.putImage(imageId, { ...spec, sha256: '0'.repeat(64) }), {
        status: 422,
        code: 'checksum_mismatch',
      });
      await assert.rejects(driver.putVolume(id, { poolId, sizeBytes: gib, imageId }), {
        status: 404,
        code: 'not_found',
      });
      const image = await driver.putImage(imageId, spec);
      assert.deepEqual(image, { id: imageId, sizeBytes: 2 * mib, virtualSizeBytes: 2 * mib });
      assert.deepEqual(await driver.putImage(imageId, spec), image);
      await assert.rejects(driver.putImage(imageId, { ...spec, sha256: '1'.repeat(64) }), {
        status: 409,
        code: 'immutable',
      });
      await assert.rejects(driver.putVolume(id, { poolId, sizeBytes: mib, imageId }), {
        status: 422,
        code: 'invalid_spec',
      });
      assert.equal((await driver.putVolume(id, { poolId, sizeBytes: gib, imageId })).imageId, imageId);
      await assert.rejects(driver.deleteImage(imageId), { status: 409, code: 'image_in_use' });
      await driver.deleteVolume(id);
      await driver.deleteImage(imageId);
      await driver.deleteImage(imageId);
      await driver.deletePool(poolId);
    });

    test('a snapshot spans volumes, can be repeated, and goes with them', async () => {
      const poolId = await newPool();
      const [a, b] = [randomUUID(), randomUUID()];
      for (const id of [a, b]) await driver.putVolume(id, { poolId, sizeBytes: gib });
      const first = randomUUID();
      await assert.rejects(driver.putSnapshot(first, [a, randomUUID()]), { status: 404, code: 'not_found' });
      await assert.rejects(driver.getSnapshot(first), { status: 404 });
      assert.deepEqual((await driver.getVolume(a)).snapshotIds, []);
      const taken = await driver.putSnapshot(first, [a, b]);
      assert.deepEqual(taken.volumeIds.toSorted(), [a, b].toSorted());
      assert.equal((await driver.putSnapshot(first, [a, b])).createdAt, taken.createdAt);
      await assert.rejects(driver.putSnapshot(first, [a]), { status: 409, code: 'immutable' });
      const second = randomUUID();
      await driver.putSnapshot(second, [a]);
      assert.deepEqual((await driver.getVolume(a)).snapshotIds.toSorted(), [first, second].toSorted());
      assert.deepEqual((await driver.getVolume(b)).snapshotIds, [first]);
      assert.equal((await driver.putVolume(b, { poolId, sizeBytes: 2 * gib })).sizeBytes, 2 * gib);
      await driver.deleteSnapshot(first);
      await driver.deleteSnapshot(first);
      assert.deepEqual((await driver.getVolume(a)).snapshotIds, [second]);
      await driver.deleteVolume(a);
      await assert.rejects(driver.getSnapshot(second), { status: 404 });
      await driver.deleteVolume(b);
      await driver.deletePool(poolId);
    });

    test('a snapshot spans pools and stands in the list until it goes', async () => {
      const [one, other] = [await newPool({ sizeBytes: 2 * gib }), await newPool({ sizeBytes: 2 * gib })];
      const [a, b, snapshotId] = [randomUUID(), randomUUID(), randomUUID()];
      await driver.putVolume(a, { poolId: one, sizeBytes: gib });
      await driver.putVolume(b, { poolId: other, sizeBytes: gib });
      await driver.putSnapshot(snapshotId, [a, b]);
      for (const id of [a, b]) assert.deepEqual((await driver.getVolume(id)).snapshotIds, [snapshotId]);
      assert.ok((await driver.listSnapshots()).some(({ id }) => id === snapshotId));
      await driver.deleteSnapshot(snapshotId);
      for (const id of [a, b]) assert.deepEqual((await driver.getVolume(id)).snapshotIds, []);
      assert.ok(!(await driver.listSnapshots()).some(({ id }) => id === snapshotId));
      for (const id of [a, b]) await driver.deleteVolume(id);
      for (const id of [one, other]) await driver.deletePool(id);
    });

    test('a snapshot goes when all its volumes are deleted at once', async () => {
      const poolId = await newPool();
      const [a, b, snapshotId] = [randomUUID(), randomUUID(), randomUUID()];
      for (const id of [a, b]) await driver.putVolume(id, { poolId, sizeBytes: gib });
      await driver.putSnapshot(snapshotId, [a, b]);
      await Promise.all([driver.deleteVolume(a), driver.deleteVolume(b)]);
      await assert.rejects(driver.getSnapshot(snapshotId), { status: 404 });
      await driver.deletePool(poolId);
    });

    test('20 volumes at once, the same one many times at once', async () => {
      const poolId = await newPool({ sizeBytes: 40 * gib });
      const ids = Array.from({ length: 20 }, () => randomUUID());
      const again = ids.slice(0, 5);
      await Promise.all([...ids, ...again, ...again].map((id) => driver.putVolume(id, { poolId, sizeBytes: gib })));
      assert.equal((await driver.getPool(poolId)).allocatedBytes, 20 * gib);
      const known = new Set((await driver.listVolumes()).map(({ id }) => id));
      assert.ok(ids.every((id) => known.has(id)));
      await Promise.all([...ids, ...again].map((id) => driver.deleteVolume(id)));
      assert.equal((await driver.getPool(poolId)).volumeCount, 0);
      await driver.deletePool(poolId);
    });

    test('a restart forgets nothing', async () => {
      const poolId = await newPool();
      const [a, b, snapshotId] = [randomUUID(), randomUUID(), randomUUID()];
      for (const id of [a, b]) await driver.putVolume(id, { poolId, sizeBytes: gib });
      await driver.putSnapshot(snapshotId, [a, b]);
      await driver.deleteVolume(b);
      const known = [await driver.getPool(poolId), await driver.getVolume(a), await driver.getSnapshot(snapshotId)];
      await driver.close();
      driver = await makeDriver({ folder, capacityBytes });
      assert.deepEqual(
        [await driver.getPool(poolId), await driver.getVolume(a), await driver.getSnapshot(snapshotId)],
        known,
      );
      await assert.rejects(driver.getVolume(b), { status: 404 });
      await driver.deleteVolume(a);
      await driver.deletePool(poolId);
    });
  });
}

/** What a failed test left behind, so that nothing of it goes on running. */
async function empty(driver: ArrayDriver): Promise<void> {
  for (const { id } of await driver.listVolumes()) await driver.deleteVolume(id);
  for (const { id } of await driver.listPools()) await driver.deletePool(id);
}
