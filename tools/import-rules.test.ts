import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImports } from './import-rules.ts';

const CP = 'control-plane/src';

/** Checks one import and returns what is wrong with it, or ''. */
function check(from: string, to: string, typeOnly = false): string {
  return checkImports([], [{ from, to, typeOnly, line: 1 }]).join('\n');
}

test('packages: agents know libraries and contracts, never the control plane or each other', () => {
  for (const agent of ['host-agent', 'array-agent']) {
    assert.equal(check(`${agent}/src/main.ts`, 'libs/qmp/client.ts'), '');
    assert.equal(check(`${agent}/src/main.ts`, 'contract/generated/agent-host.ts'), '');
    assert.match(check(`${agent}/src/main.ts`, `${CP}/iam/service.ts`), /must not import control-plane/);
    assert.match(check(`${agent}/src/main.ts`, 'region/supervisor.ts'), /must not import region/);
  }
  assert.match(check('host-agent/src/main.ts', 'array-agent/src/main.ts'), /must not import array-agent/);
  assert.match(check(`${CP}/compute/store.ts`, 'host-agent/src/main.ts'), /must not import host-agent/);
});

test('libraries know nothing of Bastide, not even by type', () => {
  assert.match(check('libs/qmp/client.ts', 'contract/generated/tenant.ts', true), /libs must not import contract/);
  assert.equal(check('libs/qmp/client.test.ts', 'test/support/fake-guest.ts'), '');
  assert.match(check('libs/qmp/client.ts', 'test/support/fake-guest.ts'), /must not import tests/);
});

test('capabilities use one another through service.ts only', () => {
  assert.match(check(`${CP}/instances/service.ts`, `${CP}/iam/store.ts`), /through its service\.ts only/);
  assert.equal(check(`${CP}/instances/service.ts`, `${CP}/iam/service.ts`), '');
  assert.equal(check(`${CP}/instances/store.ts`, `${CP}/database/database.ts`), '');
  assert.equal(check(`${CP}/instances/service.ts`, `${CP}/network/driver/driver.ts`), '');
  assert.equal(check(`${CP}/instances/present.ts`, `${CP}/catalogue/snapshot.ts`, true), '');
  assert.match(check(`${CP}/instances/present.ts`, `${CP}/catalogue/snapshot.ts`), /through its service\.ts only/);
  assert.match(check(`${CP}/instances/present.ts`, `${CP}/catalogue/store.ts`, true), /through its service\.ts only/);
  assert.equal(check(`${CP}/main.ts`, `${CP}/iam/routes.ts`), '');
});

test('layers: routes → service → store and rules', () => {
  const own = (from: string, to: string): string => check(`${CP}/iam/${from}`, `${CP}/iam/${to}`);
  for (const [from, to] of [
    ['routes.ts', 'service.ts'],
    ['service.ts', 'store.ts'],
    ['service.ts', 'rules.ts'],
    ['workflows.ts', 'store.ts'],
  ] as const) {
    assert.equal(own(from, to), '', `${from} → ${to}`);
  }
  for (const [from, to] of [
    ['routes.ts', 'token-store.ts'],
    ['routes.ts', 'workflows.ts'],
    ['token-store.ts', 'service.ts'],
    ['service.ts', 'routes.ts'],
    ['rules.ts', 'store.ts'],
  ] as const) {
    assert.notEqual(own(from, to), '', `${from} → ${to}`);
  }
  assert.match(check(`${CP}/iam/rules.ts`, 'node:fs'), /rules are pure/);
  assert.match(check(`${CP}/iam/rules.ts`, 'pg'), /rules are pure/);
});

test('cycles are found once, named whole, and only among run-time imports', () => {
  const edge = (from: string, to: string, typeOnly = false) => ({ from, to, typeOnly, line: 1 });
  const cycle = [edge('libs/b.ts', 'libs/c.ts'), edge('libs/c.ts', 'libs/a.ts'), edge('libs/a.ts', 'libs/b.ts')];
  assert.deepEqual(checkImports([], cycle), ['import cycle: libs/a.ts → libs/b.ts → libs/c.ts → libs/a.ts']);
  assert.deepEqual(checkImports([], [edge('libs/a.ts', 'libs/b.ts'), edge('libs/b.ts', 'libs/a.ts', true)]), []);
});

test('file names that say nothing are refused', () => {
  for (const file of ['libs/index.ts', 'libs/utils.ts', 'libs/helpers/a.ts', 'region/common.ts']) {
    assert.equal(checkImports([file], []).length, 1, file);
  }
});
