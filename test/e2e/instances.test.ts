/** VM instances with real guests, driven through the API alone; the region is the product's own. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { VirtualMachineList } from '#contract/generated/tenant.ts';
import type { Api } from '#test/support/api.ts';
import { run } from '#libs/process/run.ts';
import { send } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { Guest, guestRequest } from '#test/support/guest.ts';
import { keepsData, pings, switchesItselfOff, writesForEver } from '#test/support/guest-scripts.ts';
import { missingForRegion, ProductRegion } from '#test/support/product-region.ts';
import { TerraformClient } from '#test/support/terraform-client.ts';
import { terraformFlow } from './terraform-flow.ts';

const gib = 1024 ** 3;
const gibSectors = 2_097_152;

describe('real guests', { skip: missingForRegion() ?? false, timeout: 600_000 }, () => {
  let region: ProductRegion;
  let medium: string;
  let production: Api;
  let globex: Api;

  before(async () => {
    region = await ProductRegion.prepare({
      host: { cores: 8, memoryMib: 16_384 },
      array: {
        capacityGib: 160,
        pools: [
          { storageClass: 'standard', sizeGib: 128 },
          { storageClass: 'enterprise', sizeGib: 32 },
        ],
      },
    });
    await Promise.all([region.takeImage('micro'), region.takeImage('debian-12')]);
    // The third zone's array has a medium of its own, which can get full without harm to others.
    medium = region.paths.array('fr1-az03-a01');
    mkdirSync(medium, { recursive: true, mode: 0o711 });
    await run(['mount', '-t', 'tmpfs', '-o', `size=${8 * gib},mode=0711`, 'bastide-e2e', medium]);
    await region.up();
    production = await region.tenant(0);
    globex = await region.tenant(2);
  });
  after(async () => {
    if (existsSync(region.paths.stateFile)) await region.bastide('down');
    await run(['umount', medium]);
    await region.remove();
  });
  afterEach((t) => {
    if ('passed' in t && !t.passed) t.diagnostic(region.logTails());
  });

  test('INS-01, STO-02, SNP-01, RSZ-01, TOL-05: the life of a machine, from creation to nothing left of it', async () => {
    const guest = await Guest.create(production, { name: 'life', userData: keepsData });
    assert.equal((await guest.read()).status, 'running', 'settled when the activity is');
    await guest.prints(/micro ready/);
    const tools = await guest.hasTools();
    assert.equal(tools.slaSuspended, false);
    assert.equal(tools.intervals.at(-1)?.state, 'ok');
    const [adapter] = await guest.adapters();
    assert.ok(adapter);
    const [lease] = await region.query<{ address: string }>(
      'select host(ipv4) as address from adapters where id = $1',
      [adapter.id],
    );
    assert.equal(await guest.address(), lease?.address, 'the guest has what DHCP leased');
    const [, vcpu, memoryKib, sectors] = await guest.prints(/sees (\d+) vCPU, (\d+) KiB, system disk of (\d+) sectors/);
    assert.deepEqual([Number(vcpu), Number(sectors)], [1, gibSectors]);

    const diskId = await guest.done('POST', '/disks', { size: 1, name: 'data' });
    await guest.prints(new RegExp(`data disk of ${gibSectors} sectors`));
    await guest.prints(/left precious/);
    assert.deepEqual(
      (await guest.disks()).map(({ position, isPrimary, sizeGb }) => [position, isPrimary, sizeGb]),
      [
        [0, true, 1],
        [1, false, 1],
      ],
    );
    const snapshotId = await guest.done('POST', '/snapshots', { name: 'before' });
    const [taken] = await region.query<{ consistency: string; disks: number }>(
      'select consistency, cardinality(volume_ids) as disks from snapshots where id = $1',
      [snapshotId],
    );
    assert.deepEqual(taken, { consistency: 'filesystem', disks: 2 });

    const early = await guest.act('POST', '/resize', { cpu: 2 });
    assert.match(early.state['failed']?.reason ?? '', /stop/i, 'a machine that runs is not resized');
    await guest.done('POST', '/stop');
    assert.equal((await guest.read()).status, 'stopped');
    assert.equal(region.qemuOf(guest.id), null);
    assert.equal(
      (await production.call('POST', `${guest.path}/resize`, { cpu: 64 })).status,
      400,
      'outside its family',
    );
    await guest.done('POST', '/resize', { cpu: 2, memory: 2 });
    await guest.done('POST', '/disks/extend', { size: 2 });
    await guest.done('POST', '/start');
    await guest.prints(
      new RegExp(`sees 2 vCPU, (?!${memoryKib ?? ''})\\d+ KiB, system disk of ${2 * gibSectors} sectors`),
    );
    await guest.prints(/found precious/);
    assert.equal((await guest.read()).disksSizeGb, 3);

    await guest.delete();
    assert.equal((await production.call('GET', guest.path)).status, 404);
    await region.settled();
    assert.equal(region.qemuOf(guest.id), null);
    assert.deepEqual(await taps(region), []);
    const left = readdirSync(region.paths.root, { recursive: true, encoding: 'utf8' }).filter((file) =>
      [guest.id, diskId, snapshotId].some((id) => file.includes(id)),
    );
    assert.deepEqual(left, []);
  });

  test('INS-05, IMG-01: Debian 12 with cloud-init: user, key, host name, console', async (t: TestContext) => {
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqfMwZ2kHbHf0vHDqWv0x5n7Yw3mS4o1l8oQm3xkE2u ada@example.org';
    const userData = `#cloud-config
hostname: ada-lovelace
users:
  - name: ada
    shell: /bin/bash
    sudo: 'ALL=(ALL) NOPASSWD:ALL'
    ssh_authorized_keys: ['${key}']
runcmd:
  - [sh, -c, 'echo "user $(id -un ada), key $(cut -d" " -f3 /home/ada/.ssh/authorized_keys), sshd $(systemctl is-active ssh)" >/dev/ttyS0']
`;
    const started = performance.now();
    const guest = await Guest.create(production, {
      name: 'debian',
      template: 'Debian 12',
      zone: 'fr1-az02',
      cpu: 2,
      memory: 1,
      userData,
    });
    const { os } = await guest.hasTools(300_000);
    t.diagnostic(`API call to guest agent of Debian 12: ${((performance.now() - started) / 1000).toFixed(1)} s`);
    assert.equal(os?.id, 'debian');
    assert.match(os?.version ?? '', /^12/);
    await guest.prints(/user ada, key ada@example\.org, sshd active/, 300_000);
    await guest.prints(/ada-lovelace login:/, 300_000);
    await guest.delete();
  });

  test('NET: a tenant reaches its own guests on other hosts and nobody else’s', async () => {
    // Tenants’ networks may use the same addresses: the stranger’s must be one that the tenant has given to nobody.
    for (const name of ['spare-1', 'spare-2', 'spare-3', 'spare-4'])
      await Guest.create(globex, { name, power: 'off', zone: 'fr1-az03' });
    const [friend, stranger] = await Promise.all([
      Guest.create(production, { name: 'friend', zone: 'fr1-az02' }),
      Guest.create(globex, { name: 'stranger' }),
    ]);
    const [friendAddress, strangerAddress] = await Promise.all([friend.address(), stranger.address()]);
    const own = await region.query<{ address: string }>(
      'select host(a.ipv4) as address from adapters a join machines m on m.id = a.machine_id where m.id = $1',
      [friend.id],
    );
    assert.equal(own[0]?.address, friendAddress);
    assert.notEqual(strangerAddress, friendAddress);
    const caller = await Guest.create(production, { name: 'caller', userData: pings(friendAddress, strangerAddress) });
    assert.notEqual(await caller.address(), strangerAddress);
    await caller.prints(/reached the friend/);
    await caller.prints(/nothing from the stranger|reached the stranger/);
    assert.match(await caller.serial(), /nothing from the stranger/);
    assert.equal((await production.call('GET', stranger.path)).status, 404, 'and its API shows it none');
    await Promise.all([friend, stranger, caller].map((guest) => guest.delete()));
  });

  test('INS-01: a guest that switches itself off is stopped; a QEMU that is killed is started again', async () => {
    const [off, worker] = await Promise.all([
      Guest.create(production, { name: 'off', userData: switchesItselfOff }),
      Guest.create(production, { name: 'worker', userData: writesForEver }),
    ]);
    await off.becomes('stopped');
    assert.equal(region.qemuOf(off.id), null);

    await worker.prints(/wrote [1-9]/);
    const victim = region.qemuOf(worker.id);
    assert.ok(victim);
    send(victim, 'SIGKILL');
    const restarted = async (): Promise<boolean> => {
      const sql = `select type from machine_events where machine_id = $1 and type in ('crashed', 'restarted')`;
      const rows = await region.query<{ type: string }>(sql, [worker.id]);
      return rows.some(({ type }) => type === 'restarted');
    };
    await waitFor(restarted, { what: 'the events of the crash', timeoutMs: 60_000, intervalMs: 250 });
    assert.notEqual(region.qemuOf(worker.id)?.pid, victim.pid);
    await worker.becomes('running');
    await worker.prints(/wrote 1\b[\s\S]*wrote 1\b/);

    const daemons = region.leftovers().filter(({ program }) => program === 'qemu-storage-daemon');
    const storage = region.qemuOf(worker.id);
    assert.ok(storage);
    const [pool] = await region.query<{ id: string }>('select pool_id as id from volumes where machine_id = $1', [
      worker.id,
    ]);
    const tail = pool?.id.slice(-12) ?? 'none';
    const daemon = daemons.find(({ argv }) => argv.some((argument) => argument.includes(tail)));
    assert.ok(daemon, 'the pool has a daemon');
    const count = async (): Promise<number> =>
      Number([...(await worker.serial()).matchAll(/wrote (\d+)/g)].at(-1)?.[1] ?? 0);
    const already = await count();
    send(daemon, 'SIGKILL');
    await waitFor(async () => (await count()) > already + 4, {
      what: 'the writes to go on',
      timeoutMs: 90_000,
      intervalMs: 250,
    });
    assert.equal(region.qemuOf(worker.id)?.pid, storage.pid, 'the guest lived on');
    assert.doesNotMatch(await worker.serial(), /write failed/);
    await Promise.all([off.delete(), worker.delete()]);
    await region.settled();
  });

  test('a Terraform run over TLS: apply, an empty second plan, update, another empty plan, destroy (notes §1, §6, §7, §9)', async () => {
    const { apiUrl, caFile, organisations } = region.summary;
    const token = organisations[0]?.tenants[1]?.token;
    assert.ok(token);
    const client = new TerraformClient(apiUrl, readFileSync(caFile, 'utf8'));
    try {
      await client.login(token);
      await terraformFlow(client);
    } finally {
      client.close();
    }
  });

  test('a full medium: the activity fails and says so, nothing is left, and with room again all goes on', async () => {
    const { blocks, bfree, bsize } = statfsSync(medium);
    const used = (blocks - bfree) * bsize;
    const resize = (size: number): Promise<string> => run(['mount', '-o', `remount,size=${size}`, medium]);
    const wish = { name: 'in-a-full-zone', zone: 'fr1-az03' } as const;
    await resize(used + 1024 ** 2);
    const failed = await production.act(
      'POST',
      '/vm_instances/v1/virtual_machines',
      await guestRequest(production, wish),
    );
    assert.match(failed.state['failed']?.reason ?? '', /No space is left on the storage of this zone/);
    const { vms } = await production.get<VirtualMachineList>('/vm_instances/v1/virtual_machines?name=in-a-full-zone');
    assert.deepEqual(vms, []);
    await region.settled();
    await resize(8 * gib);
    const guest = await Guest.create(production, wish);
    await guest.prints(/micro ready/);
    await guest.delete();
  });

  test('STO-13: what a pool cannot hold fails with a reason, and leaves nothing', async () => {
    const guest = await Guest.create(production, { name: 'greedy', power: 'off' });
    const { state } = await guest.act('POST', '/disks', { size: 2_000 });
    assert.match(state['failed']?.reason ?? '', /storage|space|capacity|pool/i);
    assert.equal((await guest.disks()).length, 1);
    await guest.delete();
    await region.settled();
  });
});

/** Tap devices in the region's host namespaces. */
async function taps(region: ProductRegion): Promise<string[]> {
  const found: string[] = [];
  for (const namespace of await region.namespaces()) {
    const links = JSON.parse(await run(['ip', '-n', namespace, '-j', '-d', 'link', 'show'])) as {
      ifname: string;
      linkinfo?: { info_kind?: string; info_data?: { type?: string } };
    }[];
    for (const { ifname, linkinfo } of links)
      // Open vSwitch's own devices are taps too where it has no kernel module.
      if (linkinfo?.info_kind === 'tun' && !/^(br-|ovs-)/.test(ifname)) found.push(`${namespace} ${ifname}`);
  }
  return found;
}
