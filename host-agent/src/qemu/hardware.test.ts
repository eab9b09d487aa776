import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AdapterSpec } from '#contract/generated/agent-host.ts';
import { hardwareChange } from './hardware-change.ts';
import { ADAPTER_PORTS, assignPorts, wantedHardware } from './hardware.ts';
import { adapterSpec, specWith } from './testing/test-host.ts';

const adapters = fc
  .uniqueArray(fc.nat(20), { maxLength: ADAPTER_PORTS })
  .map((indexes): AdapterSpec[] => indexes.map((index) => adapterSpec(index)));

test('every adapter gets a port of its own', () => {
  fc.assert(
    fc.property(adapters, (specs) => {
      const ports = assignPorts(specs, []).map(({ port }) => port);
      assert.equal(ports.length, specs.length);
      assert.equal(new Set(ports).size, ports.length);
      assert.ok(ports.every((port) => port >= 0 && port < ADAPTER_PORTS));
    }),
  );
});

test('a plugged adapter keeps its port whatever comes and goes: the guest names it by the port', () => {
  fc.assert(
    fc.property(adapters, fc.nat(ADAPTER_PORTS), (specs, cut) => {
      const before = assignPorts(specs.slice(0, cut), []);
      const after = assignPorts(specs, before);
      for (const { adapterId, port } of before)
        assert.equal(after.find((each) => each.adapterId === adapterId)?.port, port);
    }),
  );
});

test('an adapter sits in the port of its device index when it can', () => {
  assert.deepEqual(
    assignPorts([adapterSpec(3), adapterSpec(0), adapterSpec(12)], []).map(({ port }) => port),
    [0, 3, 7],
  );
});

test('a machine differs from itself in nothing', () => {
  fc.assert(
    fc.property(adapters, (specs) => {
      const spec = specWith([disk(0)], { adapters: specs });
      assert.deepEqual(hardwareChange(wantedHardware(spec, null), spec), {
        needsPowerOff: [],
        addedDisks: [],
        addedAdapters: [],
        grownDisks: [],
        removedDisks: [],
        removedAdapters: [],
      });
    }),
  );
});

test('growth can be told to a running guest, a changed export cannot', () => {
  const has = wantedHardware(specWith([{ ...disk(0), sizeBytes: 10 }]), null);
  const grown = hardwareChange(has, specWith([{ ...disk(0), sizeBytes: 20 }]));
  assert.deepEqual([grown.needsPowerOff, grown.grownDisks.length], [[], 1]);
  assert.equal(hardwareChange(has, specWith([{ ...disk(0), sizeBytes: 5 }])).grownDisks.length, 0);
  const moved = { ...disk(0), nbd: { socketPath: '/elsewhere', export: 'a' } };
  assert.match(hardwareChange(has, specWith([moved])).needsPowerOff[0] ?? '', /change of disk/);
});

test('the boot disk stays while the machine runs; other disks and adapters may go', () => {
  const has = wantedHardware(specWith([disk(0), disk(1)], { adapters: [adapterSpec(0)] }), null);
  const lighter = hardwareChange(has, specWith([disk(0)]));
  assert.deepEqual(
    [lighter.needsPowerOff, lighter.removedDisks.map(({ position }) => position), lighter.removedAdapters.length],
    [[], [1], 1],
  );
  assert.match(hardwareChange(has, specWith([disk(1)])).needsPowerOff[0] ?? '', /boot disk/);
});

function disk(position: number): ReturnType<typeof specWith>['disks'][number] {
  return {
    volumeId: `018f0000-0000-7000-8000-00000000000${position}`,
    position,
    serial: `d${position}`,
    nbd: { socketPath: '/run/nbd', export: 'a' },
  };
}
