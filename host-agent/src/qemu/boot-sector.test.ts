import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { readIfPresent } from '#libs/process/atomic-file.ts';
import { CommandFailed, run } from '#libs/process/run.ts';
import { chooseAccelerator } from './accelerator.ts';
import { bootSector, DEBUG_EXIT_STATUS } from './boot-sector.ts';
import { kvmReachable } from './unprivileged.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';
const skip = existsSync(QEMU) ? false : 'needs QEMU';

test('a boot sector is one whole sector with the mark the BIOS looks for', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[ -~]{0,400}$/),
      fc.constantFrom('halt', 'acpi', 'poweroff', 'debug-exit'),
      (text, ending) => {
        const sector = bootSector(text, ending);
        assert.deepEqual([sector.length, sector.readUInt16LE(510)], [512, 0xaa55]);
      },
    ),
  );
  assert.throws(() => bootSector('x'.repeat(500), 'halt'), RangeError);
});

test('the test guest of the accelerator decision runs and says so', { skip, timeout: 60_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bb-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const image = join(folder, 'disk');
  writeFileSync(image, Buffer.concat([bootSector('probe', 'debug-exit')], 1024 * 1024));
  const guest = [
    '-accel',
    'tcg',
    '-nodefaults',
    '-display',
    'none',
    '-device',
    'isa-debug-exit,iobase=0xf4',
    '-drive',
    `file=${image},format=raw,if=virtio`,
  ];
  await assert.rejects(
    run([QEMU, '-machine', 'q35', ...guest]),
    (error) => error instanceof CommandFailed && error.status === DEBUG_EXIT_STATUS,
  );
});

test('without a usable /dev/kvm the choice is TCG, says why and is remembered', async (t) => {
  if (kvmReachable()) {
    t.skip('/dev/kvm is open here');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'bb-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const acceleratorCacheFile = join(folder, 'accelerator.json');
  const config = { binary: QEMU, uid: 1, gid: 1, acceleratorCacheFile, probeKernel: null };
  const choice = await chooseAccelerator(config, '7.2.22');
  assert.equal(choice.accelerator, 'tcg');
  assert.match(choice.reason, /kvm/);
  assert.ok(readIfPresent(acceleratorCacheFile)?.includes('7.2.22'));
});
