import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Machine } from '#contract/generated/agent-host.ts';
import { canHaveTestImage, ensureTestImage } from '#images/locate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { QemuHost } from './qemu-host.ts';
import { adapterSpec, skipReason, specWith, TestHost } from './testing/test-host.ts';

const DEADLINE_MS = 90_000;
const skip =
  skipReason ??
  ((await canHaveTestImage('micro')) ? false : 'needs the micro image, or root and mmdebstrap to build it');

test('TOL-05: a real guest with tools, from power-on to power-off', { skip, timeout: 180_000 }, async (t) => {
  const image = await ensureTestImage('micro');
  const host = new TestHost();
  const driver = await QemuHost.open(host.config, host.log);
  const id = randomUUID();
  t.after(async () => {
    await driver.delete(id);
    await driver.close();
    await host.end();
  });
  const until = async (what: string, holds: (machine: Machine) => boolean): Promise<Machine> =>
    await waitFor(
      async () => {
        const machine = await driver.get(id);
        return holds(machine) ? machine : null;
      },
      { what, timeoutMs: DEADLINE_MS, intervalMs: 20 },
    );

  const adapter = adapterSpec(0);
  const spec = specWith([await host.exported(image.path, 0)], {
    memoryMib: 256,
    stopGraceSeconds: 60,
    adapters: [adapter],
  });
  const asked = performance.now();
  assert.equal((await driver.put(id, spec)).tools.state, 'unknown');
  t.diagnostic(`PUT on answered after ${Math.round(performance.now() - asked)} ms`);

  const up = await until('the tools to answer', ({ tools }) => tools.state === 'ok');
  t.diagnostic(`tools answered after ${Math.round(performance.now() - asked)} ms`);
  assert.match(up.tools.version ?? '', /^\d+\.\d+/);
  assert.ok(up.os?.kernel);
  // The guest brings its interfaces up beside the tools.
  await until('its interface', ({ addresses }) =>
    addresses.some(({ macAddress }) => macAddress === adapter.macAddress),
  );

  await t.test('file systems freeze and thaw', async () => {
    assert.equal(typeof (await driver.freeze(id, 30)).frozen, 'boolean');
    await driver.thaw(id);
    assert.equal((await driver.get(id)).tools.state, 'ok');
  });

  await t.test('a disk and an adapter plugged while it runs appear in the guest', async () => {
    const second = adapterSpec(1);
    await driver.put(id, {
      ...spec,
      generation: 2,
      disks: [...spec.disks, await host.dataDisk(1)],
      adapters: [adapter, second],
    });
    await until('the second adapter', ({ addresses }) =>
      addresses.some(({ macAddress }) => macAddress === second.macAddress),
    );
  });

  await t.test('the guest lets go of them again while it runs', async () => {
    const { disks, adapters } = await driver.put(id, { ...spec, generation: 3 });
    assert.deepEqual([disks.length, adapters], [1, [adapter.adapterId]]);
  });

  await t.test('a reset is a new boot: tools unknown, then ok', async () => {
    await driver.reset(id);
    await until('the reset', ({ tools }) => tools.state === 'unknown');
    await until('the tools to answer again', ({ tools }) => tools.state === 'ok');
  });

  await t.test('an agent that starts again keeps the tools interval', async () => {
    const before = await driver.get(id);
    await driver.close();
    const next = await QemuHost.open(host.config, host.log);
    try {
      const after = await next.get(id);
      assert.deepEqual([after.pid, after.tools], [before.pid, before.tools]);
      const off = await next.put(id, { ...spec, generation: 4, power: 'off' });
      assert.deepEqual([off.status, off.stopCause, off.tools.state], ['stopped', 'requested', 'unknown']);
      await next.delete(id);
    } finally {
      await next.close();
    }
  });
});
