import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Host, Machine, MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentClient } from '#libs/agent-http/client.ts';
import { createCa, issueLeaf } from '#libs/tls/ca.ts';
import { findQemus } from './qemu/process-scan.ts';
import { adapterSpec, skipReason, specWith, TestHost } from './qemu/testing/test-host.ts';

const skip = skipReason ?? false;

interface Agent {
  readonly host: TestHost;
  readonly client: AgentClient;
  start(): Promise<ChildProcess>;
}

async function agent(t: TestContext): Promise<Agent> {
  const ca = await createCa('test CA');
  const identity = async (commonName: string): Promise<{ ca: string; cert: string; key: string }> => ({
    ca: ca.cert,
    ...(await issueLeaf(ca, { commonName, names: ['localhost'] })),
  });
  const host = new TestHost({ tls: await identity('test-host') });
  const file = join(host.root, 'config.json');
  writeFileSync(file, JSON.stringify(host.config), { mode: 0o600 });
  const client = new AgentClient(host.config.endpoint, await identity('control-1'));
  let running: ChildProcess | undefined;
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--config', file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running = child;
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('"msg":"ready"')) return child;
    throw new Error('the agent ended before it was ready');
  };
  t.after(async () => {
    for (const { id } of await client.get<Machine[]>('/v1/machines')) await client.delete(`/v1/machines/${id}`);
    client.close();
    running?.kill('SIGKILL');
    await host.end();
  });
  return { host, client, start };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code] = (await exited) as [number | null];
  return code;
}

test(
  'the agent serves the contract over mutual TLS and leaves guests running when it ends',
  { skip, timeout: 120_000 },
  async (t) => {
    const { host, client, start } = await agent(t);
    const first = await start();
    const about = await client.get<Host>('/v1/host');
    assert.deepEqual([about.id, about.driver, about.machineCount], [host.config.id, 'qemu', 0]);
    assert.match(about.hypervisor ?? '', /^QEMU \d/);
    const path = `/v1/machines/${randomUUID()}`;
    const spec = specWith([await host.bootDisk('served\r\n', 'halt')], { adapters: [adapterSpec(0)] });
    await assert.rejects(client.put(path, { ...spec, memoryMib: 1 }), { status: 422, code: 'invalid_spec' });
    const { pid } = await client.put<Machine>(path, spec);

    const follow = await client.stream(`${path}/serial?offset=0&follow=true`);
    assert.equal(follow.headers['x-serial-start'], '0');
    let printed = '';
    for await (const chunk of follow) {
      printed += String(chunk);
      if (printed.includes('served')) break;
    }

    const waiting = client.get('/v1/events?after=1&waitMs=60000').catch(() => undefined);
    assert.equal(await end(first, 'SIGTERM'), 0);
    await waiting;
    assert.ok(findQemus(host.config.runDir).size === 1);
    await start();
    assert.equal((await client.get<Machine>(path)).pid, pid);
  },
);

test(
  'an agent killed in the middle of creates leaves nothing that the next one and repeated PUTs do not settle',
  { skip, timeout: 180_000 },
  async (t) => {
    const { host, client, start } = await agent(t);
    const disks = await Promise.all(Array.from({ length: 5 }, async () => await host.bootDisk('x', 'halt')));
    const wanted = new Map(
      disks.map((disk): [string, MachineSpec] => [randomUUID(), specWith([disk], { adapters: [adapterSpec(0)] })]),
    );
    let child = await start();
    // Each round dies at another point of the creates.
    for (const events of [0, 1, 3]) {
      const calls = [...wanted].map(
        async ([id, spec]) => await client.put(`/v1/machines/${id}`, spec).catch(() => undefined),
      );
      for (let seen = 0; seen < events;) {
        ({ last: seen } = await client.get<{ last: number }>(`/v1/events?after=${seen}&waitMs=5000`));
        if (
          [...wanted.keys()].length ===
          (await client.get<Machine[]>('/v1/machines')).filter(({ power }) => power === 'on').length
        )
          break;
      }
      await end(child, 'SIGKILL');
      await Promise.all(calls);
      child = await start();
      const known = new Set((await client.get<Machine[]>('/v1/machines')).map(({ id }) => id));
      for (const id of findQemus(host.config.runDir).keys()) assert.ok(known.has(id), 'no QEMU without a machine');
    }
    const settled = await Promise.all(
      [...wanted].map(async ([id, spec]) => await client.put<Machine>(`/v1/machines/${id}`, spec)),
    );
    const running = findQemus(host.config.runDir);
    assert.equal(running.size, wanted.size);
    for (const machine of settled) {
      assert.equal(machine.power, 'on', JSON.stringify(machine));
      assert.equal(running.get(machine.id)?.pid, machine.pid);
    }
  },
);
