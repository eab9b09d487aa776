/** A region under SIGKILL, many creates at once, and down, up and destroy; with real guests. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import type { VirtualMachineList } from '#contract/generated/tenant.ts';
import type { Api } from '#test/support/api.ts';
import { isAlive } from '#libs/process/identity.ts';
import { waitFor } from '#libs/process/wait.ts';
import { cgroupRoot } from '#region/cgroups.ts';
import { regionTag } from '#region/fabric.ts';
import { Guest, guestRequest } from '#test/support/guest.ts';
import { keepsData, writesForEver } from '#test/support/guest-scripts.ts';
import { missingForRegion, ProductRegion } from '#test/support/product-region.ts';

const machines = '/vm_instances/v1/virtual_machines';

describe('a real region', { skip: missingForRegion() ?? false, timeout: 600_000 }, () => {
  let region: ProductRegion;
  let api: Api;

  before(async () => {
    region = await ProductRegion.prepare({
      host: { cores: 16, memoryMib: 32_768 },
      array: {
        capacityGib: 160,
        pools: [
          { storageClass: 'standard', sizeGib: 128 },
          { storageClass: 'enterprise', sizeGib: 32 },
        ],
      },
    });
    await Promise.all([region.takeImage('micro'), region.takeImage('debian-12')]);
    await region.up();
    api = await region.tenant(0);
  });
  after(() => region.remove());
  afterEach((t) => {
    if ('passed' in t && !t.passed) t.diagnostic(region.logTails());
  });

  const list = async (): Promise<VirtualMachineList['vms']> =>
    (await api.get<VirtualMachineList>(`${machines}?limit=200`)).vms;
  const deleteAll = async (): Promise<void> => {
    await Promise.all((await list()).map(({ id }) => api.done('DELETE', `${machines}/${id}`)));
    await region.settled();
    assert.deepEqual(qemus(), []);
  };
  const qemus = (): number[] =>
    region.leftovers().flatMap(({ program, pid }) => (program === 'qemu-storage-daemon' ? [] : [pid]));

  test('24 creates at once: none stuck, all running, then all deleted at once', async (t) => {
    const request = await guestRequest(api, { name: 'x' });
    const started = performance.now();
    const names = Array.from({ length: 24 }, (_, index) => `at-once-${index}`);
    const ids = await Promise.all(names.map((name) => api.done('POST', machines, { ...request, name })));
    t.diagnostic(`24 creates at once: ${((performance.now() - started) / 1000).toFixed(1)} s`);
    assert.equal(new Set(ids).size, 24);
    assert.deepEqual(new Set((await list()).map(({ status }) => status)), new Set(['running']));
    assert.equal(qemus().length, 24);
    await deleteAll();
  });

  test('SIGKILL of control plane, host agent, array agent and PostgreSQL during 20 parallel creates: every activity ends, nothing is lost or left', async () => {
    const request = await guestRequest(api, { name: 'x' });
    const accepted: string[] = [];
    const victims = ['control-1', 'host-fr1-az01-h01', 'array-fr1-az01-a01', 'postgres'];
    for (const victim of victims) {
      const attempts = Array.from({ length: 5 }, async (_, index) => {
        const answer = await api.call('POST', machines, { ...request, name: `${victim}-${index}` }).catch(() => null);
        if (answer?.status === 201 && answer.location !== null) accepted.push(answer.location);
        return answer;
      });
      // While the first is accepted, the others are at all stages.
      await Promise.any(attempts.map(async (attempt) => assert.equal((await attempt)?.status, 201)));
      const killed = region.kill(victim);
      await Promise.all(attempts);
      await waitFor(() => !isAlive(killed), { what: `${victim} to be gone`, timeoutMs: 10_000 });
      const back = async (): Promise<boolean> => (await region.status()).state === 'running';
      await waitFor(back, { what: `${victim} to be started again`, timeoutMs: 60_000, intervalMs: 500 });
    }
    const open = `select id from activities where state in ('waiting', 'running')`;
    const ended = async (): Promise<boolean> => (await region.query(open)).length === 0;
    await waitFor(ended, { what: 'every activity to end', timeoutMs: 180_000, intervalMs: 500 });
    for (const id of accepted) {
      const { state } = await api.ended(id);
      assert.ok('completed' in state, `an accepted create failed: ${JSON.stringify(state)}`);
    }
    const running = async (): Promise<boolean> => (await list()).every(({ status }) => status === 'running');
    await waitFor(running, { what: 'all to be shown running', timeoutMs: 60_000, intervalMs: 500 });
    assert.ok((await list()).length >= accepted.length);
    await region.settled();
    await deleteAll();
  });

  test('down --keep-guests and up: guests run on and are taken up again', async () => {
    const guest = await Guest.create(api, { name: 'steady', userData: writesForEver });
    await guest.prints(/wrote [1-9]/);
    const qemu = region.qemuOf(guest.id);
    assert.ok(qemu);
    await region.bastide('down', '--keep-guests');
    assert.ok(isAlive(qemu));
    await region.up();
    api = await region.tenant(0);
    const again = new Guest(api, guest.id);
    const written = Number([...(await again.serial()).matchAll(/wrote (\d+)/g)].at(-1)?.[1]);
    await again.prints(new RegExp(`wrote ${written + 4}\\b`));
    assert.doesNotMatch(await again.serial(), /write failed/);
    assert.equal((await again.read()).status, 'running');
    assert.equal(region.qemuOf(guest.id)?.pid, qemu.pid, 'the very same guest');
    await again.delete();
    await region.settled();
  });

  test('down and up: what ran runs again with its data; destroy leaves nothing', async () => {
    const guest = await Guest.create(api, { name: 'survivor', userData: keepsData });
    await guest.done('POST', '/disks', { size: 1 });
    await guest.prints(/left precious/);
    await region.bastide('down');
    assert.deepEqual(region.leftovers(), []);
    assert.equal((await region.status()).state, 'stopped');
    const first = region.summary;
    assert.deepEqual(await region.up(), first, 'the same addresses and tokens');
    api = await region.tenant(0);
    const again = new Guest(api, guest.id);
    await again.becomes('running');
    await again.prints(/found precious/);
    const report = await region.status();
    assert.equal(report.state, 'running');
    assert.deepEqual(
      report.processes.filter(({ health }) => health !== 'ok' && health !== 'done'),
      [],
    );
    await region.settled();

    const pids = report.processes.flatMap(({ pid }) => pid ?? []);
    const groups = (): string[] => globSync(`/sys/fs/cgroup/{,*/}${cgroupRoot(regionTag(region.stateDir))}`);
    const namespaces = await region.namespaces();
    assert.equal(namespaces.length, 5);
    await region.bastide('destroy', '--yes');
    assert.deepEqual(region.leftovers(), []);
    assert.deepEqual(
      pids.filter((pid) => commandOf(pid).includes(region.stateDir)),
      [],
    );
    assert.deepEqual(await region.namespaces(), []);
    assert.deepEqual(groups(), [], 'no control group is left');
    assert.doesNotMatch(readFileSync('/proc/mounts', 'utf8'), new RegExp(region.stateDir));
    assert.equal(existsSync(region.stateDir), false);
  });
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
