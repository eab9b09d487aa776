import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commandLine } from './command-line.ts';
import { assignPorts } from './hardware.ts';
import { machinePaths } from './machine-paths.ts';
import { adapterSpec } from './testing/test-host.ts';

const machineId = '018f0000-0000-7000-8000-000000000001';
const paths = machinePaths(machineId, { stateDir: '/var/lib/b,astide', runDir: '/run/b' });
const launch = {
  machineId,
  accelerator: 'tcg',
  hardware: { vcpus: 2, memoryMib: 512, disks: [], adapters: [] },
  paths,
  hasSeed: false,
  tapName: () => 'bt0',
} as const;

test('QEMU runs sandboxed, headless, with a wall around its options', () => {
  const args = commandLine(launch);
  const value = (flag: string): string => args[args.indexOf(flag) + 1] ?? '';
  assert.equal(value('-sandbox'), 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny');
  assert.equal(value('-uuid'), machineId);
  assert.ok(args.includes('-nodefaults') && args.includes('-no-user-config') && args.includes('-no-shutdown'));
  assert.match(value('-vnc'), /^unix:/);
  assert.ok(
    args.some((arg) => arg.includes('logfile=/var/lib/b,,astide/')),
    'a comma in a path adds no option',
  );
});

test('KVM shows the host processor, TCG the best it can imitate', () => {
  assert.match(commandLine({ ...launch, accelerator: 'kvm' }).join(' '), /-accel kvm -cpu host/);
  assert.match(commandLine(launch).join(' '), /-accel tcg,thread=multi,tb-size=\d+ -cpu max/);
});

test('there is a hot-plug port for each of 17 disks and 8 adapters, all at different addresses', () => {
  const ports = commandLine(launch).filter((arg) => arg.startsWith('pcie-root-port'));
  assert.equal(ports.length, 25);
  assert.equal(new Set(ports.map((port) => /addr=([^,]+)/.exec(port)?.[1])).size, 25);
});

test('whatever an NBD export is called, it stays one JSON value', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), (name, socketPath) => {
      const disk = { volumeId: machineId, position: 0, serial: 's', nbd: { socketPath, export: name } };
      const plain = commandLine(launch);
      const args = commandLine({ ...launch, hardware: { ...launch.hardware, disks: [disk] } });
      assert.equal(args.length, plain.length + 4);
      const backend = JSON.parse(args[args.indexOf('-blockdev') + 1] ?? '') as {
        export: string;
        server: { path: string };
      };
      assert.deepEqual([backend.export, backend.server.path], [name, socketPath]);
    }),
  );
});

test('adapters have no offloads: the userspace datapath passes checksums on as they are (design §7)', () => {
  const adapters = assignPorts([adapterSpec(0)], []);
  const args = commandLine({ ...launch, hardware: { ...launch.hardware, adapters } });
  assert.equal(args[args.indexOf('-netdev') + 1], 'tap,id=net0,ifname=bt0,script=no,downscript=no,vhost=off');
  const device = JSON.parse(args.find((arg) => arg.includes('virtio-net-pci')) ?? '') as Record<string, unknown>;
  for (const offload of ['csum', 'guest_csum', 'gso', 'guest_tso4', 'host_tso4']) assert.equal(device[offload], false);
});
