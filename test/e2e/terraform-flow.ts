/** What a `terraform apply`, a second `plan`, an update and a `destroy` send for one instance with a disk and a snapshot (notes §7, §9, §10). */
import assert from 'node:assert/strict';
import type {
  VirtualMachine,
  VirtualMachineList,
  VmDiskList,
  VmNetworkAdapterList,
  VmSnapshot,
  VmSnapshotList,
} from '#contract/generated/tenant.ts';
import { base64 } from '#test/support/guest.ts';
import type { TerraformClient } from '#test/support/terraform-client.ts';

const root = '/vm_instances/v1';

/** A configuration, with ids looked up. */
interface Plan {
  readonly name: string;
  readonly availabilityZoneId: string;
  readonly templateId: string;
  readonly instanceFamilyId: string;
  readonly backupPolicyId: string;
  readonly networkId: string;
  readonly cpu: number;
  readonly memory: number;
  readonly systemGb: number;
  readonly disk: { readonly name: string; readonly size: number };
  readonly snapshot: string;
}

/** Ids of what was applied. */
interface Applied {
  readonly vm: string;
  readonly disk: string;
  readonly snapshot: string;
}

async function lookUp(client: TerraformClient): Promise<Plan> {
  const byName = async (list: string, name: string): Promise<string> => {
    const entries = await client.read<{ id: string; name: string }[]>(`${root}/${list}`);
    const found = entries.filter((entry) => entry.name === name);
    assert.equal(found.length, 1, `${list} has one ${name}`);
    return found[0]?.id ?? '';
  };
  return {
    name: 'web <1> & co',
    availabilityZoneId: await byName('availability_zones', 'fr1-az01'),
    templateId: await byName('templates', 'Micro (test)'),
    instanceFamilyId: await byName('instance_families', 'Development'),
    backupPolicyId: await byName('backup_policies', 'No Backup'),
    networkId: await byName('networks', 'LAN01'),
    cpu: 1,
    memory: 1,
    systemGb: 1,
    disk: { name: 'data <&>', size: 2 },
    snapshot: 'before > after',
  };
}

async function apply(client: TerraformClient, plan: Plan): Promise<Applied> {
  const network = await client.read<{ vpc?: unknown }>(`${root}/networks/${plan.networkId}`);
  assert.equal(network.vpc ?? null, null, 'a backbone network has no vpc');
  const { name, availabilityZoneId, templateId, instanceFamilyId, backupPolicyId, cpu, memory } = plan;
  const created = await client.write('POST', `${root}/virtual_machines`, {
    ...{ name, availabilityZoneId, templateId, instanceFamilyId, backupPolicyId, cpu, memory },
    networkInterfaces: [{ deviceIndex: 0, networkId: plan.networkId }],
    powerState: 'on',
    cloudInit: { cloudConfig: base64('#cloud-config\nhostname: web\n') },
  });
  const vm = created.concernedItems.find(({ type }) => type === 'vmi')?.id ?? '';
  assert.notEqual(vm, '');
  assert.equal((await client.read<VirtualMachine>(`${root}/virtual_machines/${vm}`)).status, 'running');
  const made = await client.write('POST', `${root}/virtual_machines/${vm}/disks`, plan.disk);
  const disk = made.state['completed']?.result ?? '';
  assert.match(disk, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.notEqual(disk, vm);
  const taken = await client.write('POST', `${root}/virtual_machines/${vm}/snapshots`, { name: plan.snapshot });
  const snapshot = taken.concernedItems.find(({ type }) => type === 'snapshot')?.id ?? '';
  return { vm, disk, snapshot };
}

/** What a plan would change, by reading everything again: empty means no change. */
async function differences(client: TerraformClient, plan: Plan, applied: Applied): Promise<string[]> {
  const path = `${root}/virtual_machines/${applied.vm}`;
  const vm = await client.read<VirtualMachine>(path);
  const { disks, total } = await client.read<VmDiskList>(`${path}/disks`);
  const { networks } = await client.read<VmNetworkAdapterList>(`${path}/network_adapters`);
  const snapshot = await client.read<VmSnapshot>(`${path}/snapshots/${applied.snapshot}`);
  const system = disks.find(({ isPrimary }) => isPrimary);
  const data = disks.find(({ id }) => id === applied.disk);
  const pairs: [string, unknown, unknown][] = [
    ['id', vm.id, applied.vm],
    ['name', vm.name, plan.name],
    ['cpu', vm.vcpu, plan.cpu],
    ['memory', vm.ramGb, plan.memory],
    ['availability_zone_id', vm.az.id, plan.availabilityZoneId],
    ['template_id', vm.template.id, plan.templateId],
    ['instance_family_id', vm.instanceFamily.id, plan.instanceFamilyId],
    ['backup_policy_id', vm.backupPolicy?.id, plan.backupPolicyId],
    ['power_state', vm.status, 'running'],
    ['disks_size_gb', vm.disksSizeGb, plan.systemGb + plan.disk.size],
    ['disk total', total, disks.length],
    ['os_disk size', system?.sizeGb, plan.systemGb],
    ['os_disk position', system?.position, 0],
    ['disk size', data?.sizeGb, plan.disk.size],
    ['disk name', data?.label, plan.disk.name],
    ['disk is_primary', data?.isPrimary, false],
    [
      'adapters',
      networks.map(({ deviceIndex, networkId, type }) => `${deviceIndex} ${networkId} ${type}`).join(),
      `0 ${plan.networkId} private_backbone`,
    ],
    ['snapshot name', snapshot.name, plan.snapshot],
    ['snapshot status', snapshot.status, 'available'],
  ];
  return pairs
    .filter(([, is, wanted]) => is !== wanted)
    .map(([what, is, wanted]) => `${what}: ${String(is)} instead of ${String(wanted)}`);
}

/** Patch, stop, resize, extend system disk, start: in this order, each waited for (notes §7.4). */
async function update(client: TerraformClient, plan: Plan, applied: Applied): Promise<Plan> {
  const path = `${root}/virtual_machines/${applied.vm}`;
  await client.write('PATCH', path, { name: 'web-2' });
  await client.write('POST', `${path}/stop`);
  await client.write('POST', `${path}/resize`, { memory: 2 });
  await client.write('POST', `${path}/disks/extend`, { size: 2 });
  await client.write('POST', `${path}/start`);
  return { ...plan, name: 'web-2', memory: 2, systemGb: 2 };
}

async function destroy(client: TerraformClient, applied: Applied): Promise<void> {
  const path = `${root}/virtual_machines/${applied.vm}`;
  await client.write('DELETE', `${path}/snapshots/${applied.snapshot}`);
  assert.equal((await client.read<VmSnapshotList>(`${path}/snapshots`)).total, 0);
  await client.write('POST', `${path}/stop`);
  await client.write('DELETE', `${path}/disks/${applied.disk}`);
  assert.equal((await client.read<VmDiskList>(`${path}/disks`)).total, 1);
  await client.write('DELETE', path);
  assert.equal(await client.statusOf(path), 404);
  const { vms } = await client.read<VirtualMachineList>(`${root}/virtual_machines?limit=200&offset=0`);
  assert.ok(!vms.some(({ id }) => id === applied.vm));
}

/** The whole of it; every second plan must be empty. */
export async function terraformFlow(client: TerraformClient): Promise<void> {
  const plan = await lookUp(client);
  const applied = await apply(client, plan);
  assert.deepEqual(await differences(client, plan, applied), []);
  const changed = await update(client, plan, applied);
  assert.deepEqual(await differences(client, changed, applied), []);
  await destroy(client, applied);
}
