import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSeed, macAddress, repeatedDeviceIndex, sizeProblem } from './rules.ts';

const development = { name: 'Development', vcpuMin: 1, vcpuMax: 16, ramMinGb: 1, ramMaxGb: 24 };

test('FLV-04: a size within the bounds of the family is accepted, both ends included (UNI-04)', () => {
  for (const size of [
    { vcpu: 1, ramGb: 1 },
    { vcpu: 16, ramGb: 24 },
  ])
    assert.equal(sizeProblem(development, size, []), null);
});

test('FLV-04: any size outside the bounds is refused, and the text names the bound', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 500 }), (vcpu, ramGb) => {
      const inside = vcpu <= 16 && ramGb <= 24;
      const problem = sizeProblem(development, { vcpu, ramGb }, []);
      assert.equal(problem === null, inside);
      if (problem !== null) assert.match(problem, vcpu > 16 ? /1 to 16 vCPU/ : /1 to 24 GB/);
    }),
  );
});

test('FLV-04: a catalogue flavour is allowed below the bounds of custom ones (gp.small has 1 vCPU)', () => {
  const general = { name: 'General Purpose', vcpuMin: 4, vcpuMax: 32, ramMinGb: 4, ramMaxGb: 128 };
  assert.equal(sizeProblem(general, { vcpu: 1, ramGb: 4 }, [{ vcpu: 1, ramGb: 4 }]), null);
  assert.notEqual(sizeProblem(general, { vcpu: 1, ramGb: 4 }, []), null);
});

test('notes 7.4: standard base64 of UTF-8 text round-trips, everything else is refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.deepEqual(decodeSeed(Buffer.from(text).toString('base64')), { text });
    }),
  );
  for (const bad of ['#cloud-config', 'YQ', 'YQ=', 'a-_=', ' YQ==', 'YQ==\n'])
    assert.deepEqual(decodeSeed(bad), { problem: 'Must be a valid base64-encoded string' }, bad);
  assert.ok('problem' in decodeSeed(Buffer.from([0xff, 0xfe]).toString('base64')));
});

test('MAC addresses are unicast, locally administered, lower case with colons', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 5, maxLength: 5 }), (random) => {
      assert.match(macAddress(random), /^02(:[0-9a-f]{2}){5}$/);
    }),
  );
});

test('notes 7.6: a device index may occur once', () => {
  assert.equal(repeatedDeviceIndex([0, 1, 2]), null);
  assert.equal(repeatedDeviceIndex([0, 3, 1, 3]), 3);
});
