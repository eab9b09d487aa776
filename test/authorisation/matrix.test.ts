/** The authorisation matrix: every operation × {anonymous, bad token, each missing permission, exact permissions, other tenants}. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tenantDocument } from '#contract/documents.ts';
import { listOperations } from '#libs/contract-runtime/document.ts';
import { Api, machineRequest } from '#test/support/api.ts';
import { type SimulatedRegion, startSimulatedRegion } from '#test/support/region.ts';
import { type Known, rows } from './rows.ts';

type TenantToken = SimulatedRegion['tokens'][number];

const operations = listOperations(tenantDocument).filter((operation) => !operation.anonymous);

test('every operation of the tenant contract has a row, and every row an operation', () => {
  assert.deepEqual(operations.map((operation) => operation.operationId).toSorted(), Object.keys(rows).toSorted());
});

describe('authorisation matrix', () => {
  let region: SimulatedRegion;
  let owner: Api;
  let known: Known;
  const missing = '00000000-0000-4000-8000-00000000dead';
  const sessions = new Map<string, Promise<Api>>();

  before(async () => {
    region = await startSimulatedRegion({ hosts: 3 });
    owner = new Api(region.plainUrl, await region.login(token(0)));
    known = await makeObjects(owner, token(0));
  });
  after(() => region.stop());

  function token(index: number): TenantToken {
    const found = region.tokens[index];
    if (found === undefined) throw new Error(`the region has no tenant ${String(index)}`);
    return found;
  }

  /** Ids that name nothing, so that an allowed write changes nothing. What the catalogue offers to all stays real. */
  function nothing(): Known {
    const { role, template, zone, family, region: regionId, item, policy, network } = known;
    const none = { vm: missing, disk: missing, adapter: missing, snapshot: missing, activity: missing, token: missing };
    return {
      ...none,
      user: missing,
      organisation: missing,
      tenant: missing,
      role,
      template,
      zone,
      family,
      region: regionId,
      item,
      policy,
      network,
    };
  }

  /** A session of the first tenant with exactly these permissions. */
  async function holding(permissions: readonly string[]): Promise<Api> {
    const key = permissions.toSorted().join(' ');
    const made = sessions.get(key) ?? session(permissions);
    sessions.set(key, made);
    return made;
  }

  async function session(permissions: readonly string[]): Promise<Api> {
    const roles = await owner.get<{ id: string; name: string }[]>('/iam/v2/roles');
    const ids = permissions.map((name) => roles.find((role) => role.name === name)?.id);
    const created = await owner.call('POST', '/iam/v2/personal_access_tokens', {
      name: 'matrix',
      roles: ids,
      expirationDate: 32_503_680_000_000,
    });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    const { id, secret } = created.body as { id: string; secret: string };
    return new Api(region.plainUrl, await region.login({ ...token(0), id, secret }));
  }

  for (const { operationId, method, permissions = [] } of operations) {
    const row = rows[operationId];
    const ask = (api: Api, ids: Known): ReturnType<Api['call']> => {
      assert.ok(row);
      return api.call(method.toUpperCase(), row.path(ids), row.body?.(ids));
    };

    test(operationId, async () => {
      assert.ok(row);
      assert.equal((await ask(new Api(region.plainUrl, null), known)).status, 401, 'anonymous');
      assert.equal((await ask(new Api(region.plainUrl, 'aaaa.bbbb.cccc'), known)).status, 401, 'a token that is none');

      // IAM-03: permissions are atomic and conjunctive; whichever is missing, the answer is 403, for what exists as for what does not.
      for (const left of permissions) {
        const rest = [...permissions.filter((name) => name !== left), 'documentation_read'];
        for (const ids of [known, nothing()])
          assert.equal((await ask(await holding(rest), ids)).status, 403, `without ${left}`);
      }
      const exact = await ask(
        await holding(permissions.length === 0 ? ['documentation_read'] : permissions),
        nothing(),
      );
      assert.ok(
        ![401, 403].includes(exact.status),
        `exactly the permissions: ${String(exact.status)} ${JSON.stringify(exact.body)}`,
      );
      assert.ok(exact.status < 500, `exactly the permissions: ${String(exact.status)} ${JSON.stringify(exact.body)}`);

      // SEC-01: a sibling tenant and another organisation, both with every permission, meet nothing of the first tenant.
      for (const stranger of [1, 2]) {
        const sibling = token(stranger).organisation === token(0).organisation;
        const api = new Api(region.plainUrl, await region.login(token(stranger)));
        const answer = await ask(api, known);
        const what = `${token(stranger).organisation}/${token(stranger).tenant}: ${String(answer.status)} ${JSON.stringify(answer.body)}`;
        // Accounts belong to the organisation (IAM-01): its other tenants see them.
        const shared =
          sibling &&
          ['getCompany', 'getUser', 'listUsers', 'listTenantAssignments', 'listFeatureAssignments'].includes(
            operationId,
          );
        if (row.foreign === undefined && !shared) assert.equal(answer.status, 404, what);
        if (row.foreign === 400) assert.equal(answer.status, 400, what);
        if (row.foreign === 'empty' && !shared) assert.deepEqual(answer.body, [], what);
        const text = JSON.stringify(answer.body ?? '');
        for (const id of [known.vm, known.disk, known.adapter, known.snapshot, known.activity, known.token])
          if (!row.path(known).includes(id)) assert.ok(!text.includes(id), `an id of the first tenant shows: ${what}`);
      }
    });
  }

  test('after all of that the first tenant has what it had', async () => {
    const machine = await owner.get<{ name: string; status: string }>(`/vm_instances/v1/virtual_machines/${known.vm}`);
    assert.deepEqual([machine.name, machine.status], ['matrix-vm', 'running']);
    assert.deepEqual(
      (await owner.get<{ key: string; value: string }[]>(`/tag/v1/tags/resources/${known.vm}`)).map(
        ({ key, value }) => [key, value],
      ),
      [['owner', 'first']],
    );
  });
});

async function makeObjects(owner: Api, token: TenantToken): Promise<Known> {
  const request = await machineRequest(owner, { name: 'matrix-vm' });
  const created = await owner.call('POST', '/vm_instances/v1/virtual_machines', request);
  const activity = created.location ?? '';
  const vm = (await owner.ended(activity)).state['completed']?.result ?? '';
  const base = `/vm_instances/v1/virtual_machines/${vm}`;
  const disk = await owner.done('POST', `${base}/disks`, { size: 1 });
  const snapshot = await owner.done('POST', `${base}/snapshots`, { name: 'one' });
  await owner.call('POST', '/tag/v1/tags', {
    key: 'owner',
    value: 'first',
    resources: [{ uuid: vm, type: 'iaas_opensource_virtual_machine', source: 'iaas_opensource' }],
  });
  const first = async (path: string, pick: (body: never) => { id: string }[]): Promise<string> =>
    pick(await owner.get<never>(path))[0]?.id ?? '';
  const list = (body: { id: string }[]): { id: string }[] => body;
  const organisation = (await owner.get<{ companyId: string }[]>('/iam/v2/tenants'))[0]?.companyId ?? '';
  // A token may hold no more than who makes it (IAM-10): this permission is the one that the operation itself asks for.
  const offline = (await owner.get<{ id: string; name: string }[]>('/iam/v2/roles')).find(
    (role) => role.name === 'iam_offline_access',
  );
  return {
    vm,
    disk,
    snapshot,
    activity,
    adapter: await first(`${base}/network_adapters`, (body: { networks: { id: string }[] }) => body.networks),
    network: await first('/vm_instances/v1/networks', list),
    token: token.id,
    user:
      (await owner.get<{ userId: string; id: string }[]>('/iam/v2/personal_access_tokens')).find(
        ({ id }) => id === token.id,
      )?.userId ?? '',
    organisation,
    tenant: token.tenantId,
    role: offline?.id ?? '',
    template: await first('/vm_instances/v1/templates', list),
    zone: await first('/vm_instances/v1/availability_zones', list),
    family: await first('/vm_instances/v1/instance_families', list),
    region: await first('/vm_instances/v1/regions', list),
    item: await first('/marketplace/v1/items', list),
    policy: await first('/vm_instances/v1/backup_policies', list),
  };
}
