import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMbr, encodeMbr, firstPartitionSector, InvalidLayout, sectorBytes, singlePartition } from './mbr.ts';
import type { Partition } from './mbr.ts';

const layouts: fc.Arbitrary<Partition[]> = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 0, max: 1 << 20 }),
      sectors: fc.integer({ min: 1, max: 1 << 28 }),
      bootable: fc.boolean(),
      type: fc.integer({ min: 1, max: 255 }),
    }),
    { maxLength: 4 },
  )
  .map((parts) => {
    let next = 1;
    return parts.map(({ gap, ...part }) => {
      const startSector = next + gap;
      next = startSector + part.sectors;
      return { ...part, startSector };
    });
  });

test('a partition table reads back as it was written, and leaves the boot code alone', () => {
  fc.assert(
    fc.property(
      layouts,
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.uint8Array({ minLength: 446, maxLength: 512 }),
      (partitions, diskId, code) => {
        const sector = encodeMbr(Buffer.from(code), diskId, partitions);
        assert.equal(sector.length, sectorBytes);
        assert.deepEqual(decodeMbr(sector), { diskId, partitions });
        assert.deepEqual(sector.subarray(0, 440), Buffer.from(code).subarray(0, 440));
      },
    ),
  );
});

test('partitions that overlap, are empty or go past 2 TiB are refused', () => {
  const part = { startSector: 2048, sectors: 100, bootable: false, type: 0x83 };
  const refused: Partition[][] = [
    [part, { ...part, startSector: 2147 }],
    [{ ...part, sectors: 0 }],
    [{ ...part, startSector: 0 }],
    [{ ...part, sectors: 0xffff_ffff }],
    [1, 2, 3, 4, 5].map((at) => ({ ...part, startSector: at * 10_000 })),
  ];
  for (const layout of refused) assert.throws(() => encodeMbr(Buffer.alloc(0), 1, layout), InvalidLayout);
});

test('the single partition fills the disk from 1 MiB on', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 1_000_000 }), (mib) => {
      const { startSector, sectors } = singlePartition(mib * 1024 * 1024);
      assert.equal(startSector, firstPartitionSector);
      assert.equal((startSector + sectors) * sectorBytes, mib * 1024 * 1024);
    }),
  );
  assert.throws(() => singlePartition(1024 * 1024), InvalidLayout);
});

test('a sector without signature holds no table', () => {
  assert.equal(decodeMbr(Buffer.alloc(512)), null);
});
