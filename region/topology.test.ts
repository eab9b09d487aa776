import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planFabric, regionTag } from './fabric.ts';
import { StatePaths } from './paths.ts';
import { wantedPorts } from './ports.ts';
import { resolveState } from './resolve.ts';
import type { RegionState } from './state.ts';
import { checkTopology } from './topology-file.ts';
import type { TopologyInput } from './topology-file.ts';
import { allArrays, allHosts } from './topology.ts';

const paths = new StatePaths('/var/lib/bastide');
function resolve(input: TopologyInput | null, previous: RegionState | null = null, simulated = false): RegionState {
  return resolveState({ paths, input, previous, simulated, datapath: simulated ? null : 'netdev', versions: {} });
}

test('REG-04, REG-06: by default one region of three zones on three sites, two hosts in the first', () => {
  const { topology, controlPlanes } = resolve(null);
  assert.equal(topology.region.name, 'fr1');
  assert.deepEqual(
    topology.zones.map(({ name, code, site, hosts, arrays }) => [name, code, site, hosts.length, arrays.length]),
    [
      ['fr1-az01', 'AZ05', 'PAR7S', 2, 1],
      ['fr1-az02', 'AZ06', 'TH3S', 1, 1],
      ['fr1-az03', 'AZ07', 'DATA4', 1, 1],
    ],
  );
  assert.deepEqual(
    topology.organisations.map(({ tenants }) => tenants.length),
    [2, 1],
  );
  assert.deepEqual(controlPlanes, [{ name: 'control-1', tenantPort: 8443, plainPort: 8080, providerPort: 8444 }]);
  assert.equal(allHosts(topology)[0]?.host.endpoint, 'unix:/var/lib/bastide/run/h/fr1-az01-h01/agent.sock');
});

test('ids last: what has the same name keeps its id, and an up without a file means the same again', () => {
  const first = resolve({ controlPlanes: 2, listen: { tenantPort: 9443, plainPort: 0 } });
  assert.deepEqual(resolve(null, first), first);
  const zones = [{ name: 'fr1-az01', code: 'AZ05', site: 'PAR7S', hosts: 3 }];
  const smaller = resolve({ zones }, first);
  assert.deepEqual(
    allHosts(smaller.topology)
      .slice(0, 2)
      .map(({ host }) => host.id),
    allHosts(first.topology)
      .slice(0, 2)
      .map(({ host }) => host.id),
  );
  assert.deepEqual(
    smaller.topology.zones[0]?.arrays[0]?.pools.map(({ id }) => id),
    first.topology.zones[0]?.arrays[0]?.pools.map(({ id }) => id),
  );
  assert.deepEqual(
    first.controlPlanes.map(({ tenantPort, plainPort }) => [tenantPort, plainPort]),
    [
      [9443, null],
      [9453, null],
    ],
  );
});

test('sizes come from the zone, else from the file, else from the machine', () => {
  const { topology } = resolve({
    host: { memoryMib: 2048, cores: 2 },
    array: { capacityGib: 600, pools: [{ storageClass: 'standard', sizeGib: 500, encrypted: false }] },
    zones: [
      { name: 'z1', code: 'AZ05', site: 'A' },
      {
        name: 'z2',
        code: 'AZ06',
        site: 'B',
        host: { memoryMib: 4096 },
        array: { pools: [{ storageClass: 'enterprise', sizeGib: 512 }] },
      },
    ],
  });
  assert.deepEqual(
    allHosts(topology).map(({ host }) => [host.memoryMib, host.cores, host.overcommit]),
    [
      [2048, 2, 4],
      [4096, 2, 4],
    ],
  );
  assert.deepEqual(
    allArrays(topology).map(({ array }) => [
      array.capacityBytes / 1024 ** 3,
      array.pools.map(({ name, sizeGib, encrypted }) => [name, sizeGib, encrypted]),
    ]),
    [
      [600, [['z1-a01-standard', 500, false]]],
      [600, [['z2-a01-enterprise', 512, true]]],
    ],
  );
});

test('a topology file that cannot be is refused with every fault and its place', () => {
  const refused = (content: unknown, ...patterns: RegExp[]): void => {
    assert.throws(
      () => checkTopology(content, 'my.yaml'),
      (error: Error) => patterns.every((pattern) => pattern.test(error.message)),
    );
  };
  refused(
    { listen: { tenantPort: 70_000 }, controlPlane: 2 },
    /my\.yaml: listen\.tenantPort must be <= 65535/,
    /must NOT have additional properties \(controlPlane\)/,
  );
  refused({ zones: [{ name: 'Zone 1', code: 'AZ05', site: 'A' }] }, /zones\.0\.name must match pattern/);
  refused({ zones: [{ name: 'z1', site: 'A' }] }, /zones\.0 must have required property 'code'/);
  refused({ network: { underlayPrefix: '10.0.0.0/8' } }, /network\.underlayPrefix/);
  refused(['zones'], /the file must be object/);
  assert.deepEqual(checkTopology({ controlPlanes: 3 }, 'my.yaml'), { controlPlanes: 3 });
});

test('STO-13: pools that do not fit their array are refused, as are names given twice', () => {
  assert.throws(
    () => resolve({ array: { capacityGib: 100 } }),
    /the pools of array fr1-az01-a01 add up to 1536 GiB, it holds 100 GiB/,
  );
  const zone = { name: 'z', code: 'AZ05', site: 'A' };
  assert.throws(() => resolve({ zones: [zone, zone] }), /two zones are named z/);
  assert.throws(() => resolve({ organisations: [{ name: 'O', tenants: ['T', 'T'] }] }), /two tenants named T/);
  assert.throws(
    () => wantedPorts(resolve({ listen: { tenantPort: 9000, providerPort: 9000 } })),
    /port 9000 is wanted twice/,
  );
});

test('a simulated region never becomes a real one', () => {
  const simulated = resolve(null, null, true);
  assert.match(allHosts(simulated.topology)[0]?.host.endpoint ?? '', /^unix:.*simulated\.sock#\/hosts\/fr1-az01-h01$/);
  assert.throws(() => resolve(null, simulated), /holds a simulated region/);
});

test('two regions of one machine have different namespaces', () => {
  const [one, other] = ['/a', '/b'].map((folder) => planFabric(regionTag(folder), '100.127.0.0/24', ['h1']));
  assert.ok(one && other);
  assert.notEqual(one.namespace, other.namespace);
  assert.notEqual(one.hosts[0]?.namespace, other.hosts[0]?.namespace);
});
