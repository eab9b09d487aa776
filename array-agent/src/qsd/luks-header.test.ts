import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '#libs/process/run.ts';
import { luksHeader, luksHeaderBytes } from './luks-header.ts';
import { emptyQcow2, writeQcow2 } from './qcow2-file.ts';

const id = '0198b3a0-0000-7000-8000-000000000001';
const cannotRun = await run(['qemu-img', '--version']).then(
  () => false as const,
  () => 'needs qemu-img',
);

test('STO-16: every volume has its own key and header', async () => {
  const passphrase = Buffer.from('of the pool');
  const [one, two] = [await luksHeader(passphrase, id), await luksHeader(passphrase, id)];
  assert.equal(one.length, luksHeaderBytes);
  assert.notDeepEqual(one.subarray(112, 164), two.subarray(112, 164));
  assert.notDeepEqual(one.subarray(4096, 8192), two.subarray(4096, 8192));
});

test('QEMU opens what we wrote with the passphrase and not with another', { skip: cannotRun }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blu-'));
  try {
    const [image, right, wrong] = [join(folder, 'v.qcow2'), join(folder, 'right'), join(folder, 'wrong')];
    await writeFile(right, 'of the pool');
    await writeFile(wrong, 'of another');
    const luks = await luksHeader(Buffer.from('of the pool'), id);
    await writeQcow2(image, emptyQcow2({ sizeBytes: 3 * 2 ** 40, luks }), { mode: 0o600 });
    const io = (key: string): Promise<string> =>
      run([
        'qemu-io',
        '--object',
        `secret,id=k,file=${key}`,
        '--image-opts',
        `driver=qcow2,encrypt.key-secret=k,file.filename=${image}`,
        '-c',
        'write -P 7 2T 64k',
        '-c',
        'read -P 7 2T 64k',
      ]);
    assert.doesNotMatch(await io(right), /failed/);
    await assert.rejects(io(wrong));
    await run([
      'qemu-img',
      'check',
      '--object',
      `secret,id=k,file=${right}`,
      '--image-opts',
      `driver=qcow2,encrypt.key-secret=k,file.filename=${image}`,
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
