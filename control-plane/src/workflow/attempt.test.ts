import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { AgentProblem, AgentUnreachable } from '#libs/agent-http/problem.ts';
import { attempt } from './attempt.ts';
import { NotYet, OperationFailed } from './operation.ts';

const log = pino({ level: 'silent' });
const options = { deadlineMs: 120, what: 'starting the virtual machine', log };

/** Fails `times` times with `error`, then succeeds. */
function failing(error: Error, times = Infinity): () => Promise<void> {
  let left = times;
  return async () => {
    left -= 1;
    if (left >= 0) throw error;
  };
}

test('what passes is tried again until it does', async () => {
  for (const error of [
    new NotYet('wait'),
    new AgentUnreachable('unix:/a.sock', new Error('gone')),
    new AgentProblem(500, 'start_failed', 'x'),
  ])
    assert.deepEqual(await attempt(failing(error, 1), options), { ok: true });
});

test('what is final is not tried again, and its reason is for the user', async () => {
  assert.deepEqual(await attempt(failing(new OperationFailed('quota_exceeded', 'Too much.')), options), {
    ok: false,
    code: 'quota_exceeded',
    reason: 'Too much.',
  });
});

test('design 1.6: no reason names a host, a path or what an agent said', async () => {
  const secrets = [
    new AgentProblem(507, 'insufficient_space', 'pool /var/lib/x on host-7 is full'),
    new AgentProblem(422, 'invalid_spec', '/disks/0 on host-7'),
    new AgentProblem(500, 'start_failed', 'qemu: /var/lib/x: no'),
    new AgentUnreachable('unix:/var/lib/x/agent.sock', new Error('ENOENT')),
    new Error('/var/lib/x exploded'),
  ];
  for (const error of secrets) {
    const outcome = await attempt(failing(error), options);
    assert.ok(!outcome.ok);
    assert.doesNotMatch(outcome.reason, /var|host-7|sock|qemu|ENOENT/);
    assert.match(outcome.reason, /(Try again|Choose|provider)/);
  }
});

test('no step is tried for ever', async () => {
  const outcome = await attempt(failing(new NotYet('never')), options);
  assert.deepEqual([outcome.ok, !outcome.ok && outcome.code], [false, 'deadline_exceeded']);
});
