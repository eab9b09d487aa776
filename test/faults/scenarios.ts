/** One scenario per operation on instances; `complete.test.ts` fails when an operation has none. */
import { plainMemory, type OperationWorld } from '#test/support/operation-world.ts';
import type { Scenario } from '#test/support/faults.ts';

async function make(world: OperationWorld, power: 'on' | 'off'): Promise<void> {
  const { ids } = world;
  const activityId = await world.instances.create(world.initiator, {
    name: 'vm',
    availabilityZoneId: ids.zoneId,
    instanceFamilyId: ids.familyId,
    templateId: ids.templateId,
    backupPolicyId: ids.policyId,
    cpu: 2,
    memory: 2,
    networkInterfaces: [{ deviceIndex: 0, networkId: ids.networkId }],
    powerState: power,
  });
  await world.run(activityId, plainMemory);
}

async function only(world: OperationWorld, text: string): Promise<string> {
  const [row] = await world.query<{ id: string }>(text);
  if (row === undefined) throw new Error(`nothing answers: ${text}`);
  return row.id;
}
const machineOf = (world: OperationWorld): Promise<string> => only(world, 'select id from machines');

/** A second backbone network of the same tenant, to move an adapter to. */
async function secondNetwork(world: OperationWorld): Promise<string> {
  return only(
    world,
    `insert into networks (id, tenant_id, name, kind, cidr, mtu, next_host)
     select '00000000-0000-4000-8000-000000000002', tenant_id, 'LAN02', kind, '10.200.0.0/16', mtu, 16
     from networks where id = '${world.ids.networkId}' on conflict (id) do update set name = 'LAN02' returning id`,
  );
}

const nothing = async (): Promise<void> => undefined;
const stopped = (world: OperationWorld): Promise<void> => make(world, 'off');
const running = (world: OperationWorld): Promise<void> => make(world, 'on');

export const scenarios: readonly Scenario[] = [
  {
    kind: 'instance.create',
    goesBack: true,
    prepare: nothing,
    submit: (world) =>
      world.instances.create(world.initiator, {
        name: 'new',
        availabilityZoneId: world.ids.zoneId,
        instanceFamilyId: world.ids.familyId,
        templateId: world.ids.templateId,
        backupPolicyId: world.ids.policyId,
        cpu: 1,
        memory: 1,
        networkInterfaces: [
          { deviceIndex: 0, networkId: world.ids.networkId },
          { deviceIndex: 1, networkId: world.ids.networkId },
        ],
        powerState: 'on',
      }),
  },
  {
    kind: 'instance.start',
    goesBack: true,
    prepare: stopped,
    submit: async (world) => world.instances.start(world.initiator, await machineOf(world)),
  },
  {
    kind: 'instance.stop',
    goesBack: true,
    prepare: running,
    submit: async (world) => world.instances.stop(world.initiator, await machineOf(world)),
  },
  {
    kind: 'instance.update',
    // Name and policy are written in one step, which is the whole operation; there is nothing half done to take back.
    goesBack: false,
    prepare: running,
    submit: async (world) => world.instances.update(world.initiator, await machineOf(world), { name: 'renamed' }),
  },
  {
    kind: 'instance.resize',
    goesBack: true,
    prepare: stopped,
    submit: async (world) => world.instances.resize(world.initiator, await machineOf(world), { cpu: 4, memory: 8 }),
  },
  {
    kind: 'instance.delete',
    goesBack: false,
    prepare: running,
    submit: async (world) => world.instances.delete(world.initiator, await machineOf(world)),
  },
  {
    kind: 'disk.create',
    goesBack: true,
    prepare: running,
    submit: async (world) =>
      world.machineParts.createDisk(world.initiator, await machineOf(world), { size: 5, name: 'data' }),
  },
  {
    kind: 'disk.extend',
    // A disk that grew on the array stays as large there; the rows go back, and the next extension goes on from them.
    goesBack: false,
    prepare: stopped,
    submit: async (world) =>
      world.machineParts.extendDisk(world.initiator, await machineOf(world), { diskId: null, size: 30 }),
  },
  {
    kind: 'disk.delete',
    goesBack: false,
    prepare: async (world) => {
      await stopped(world);
      await world.run(
        await world.machineParts.createDisk(world.initiator, await machineOf(world), { size: 5 }),
        plainMemory,
      );
    },
    submit: async (world) =>
      world.machineParts.deleteDisk(
        world.initiator,
        await machineOf(world),
        await only(world, 'select id from volumes where not is_primary'),
      ),
  },
  {
    kind: 'adapter.create',
    goesBack: true,
    prepare: running,
    submit: async (world) =>
      world.machineParts.createAdapter(world.initiator, await machineOf(world), {
        networkId: world.ids.networkId,
        deviceIndex: 3,
      }),
  },
  {
    kind: 'adapter.change',
    goesBack: true,
    prepare: async (world) => {
      await stopped(world);
      await secondNetwork(world);
    },
    submit: async (world) =>
      world.machineParts.changeAdapter(world.initiator, await machineOf(world), {
        adapterId: await only(world, 'select id from adapters'),
        networkId: await only(world, `select id from networks where name = 'LAN02'`),
      }),
  },
  {
    kind: 'adapter.delete',
    goesBack: true,
    prepare: stopped,
    submit: async (world) =>
      world.machineParts.deleteAdapter(
        world.initiator,
        await machineOf(world),
        await only(world, 'select id from adapters'),
      ),
  },
  {
    kind: 'snapshot.create',
    goesBack: true,
    prepare: running,
    submit: async (world) => world.machineParts.createSnapshot(world.initiator, await machineOf(world), 'before'),
  },
  {
    kind: 'snapshot.delete',
    goesBack: false,
    prepare: async (world) => {
      await running(world);
      await world.run(
        await world.machineParts.createSnapshot(world.initiator, await machineOf(world), 'before'),
        plainMemory,
      );
    },
    submit: async (world) =>
      world.machineParts.deleteSnapshot(
        world.initiator,
        await machineOf(world),
        await only(world, 'select id from snapshots'),
      ),
  },
];
