import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Volume } from '#contract/generated/agent-array.ts';
import { AgentClient } from '#libs/agent-http/client.ts';
import { ensureUser } from '#region/users.ts';
import { ManagedProcess } from '#test/support/managed-process.ts';
import { certify } from '#test/support/region-files.ts';

const gib = 1024 ** 3;
const callTimeoutMs = 120_000;

/** A pool of a throw-away array with its volumes. */
export interface PoolRequest {
  readonly iopsLimit: number | null;
  readonly encrypted: boolean;
  readonly sizeGib: number;
  /** Empty volumes, each of this size. */
  readonly volumes: number;
  readonly volumeGib: number;
}

/** A real array-agent in a folder of its own, without a control plane. */
export class BenchArray {
  readonly #process: ManagedProcess;
  readonly #client: AgentClient;
  readonly #made: { kind: 'pools' | 'volumes'; id: string }[] = [];

  private constructor(process: ManagedProcess, client: AgentClient) {
    this.#process = process;
    this.#client = client;
  }

  static async start(dir: string): Promise<BenchArray> {
    const tls = await certify(dir, ['array', 'bench']);
    const [own, caller] = [tls.get('array'), tls.get('bench')];
    if (own === undefined || caller === undefined) throw new Error('no certificate was made');
    const folder = (name: string): string => {
      mkdirSync(join(dir, name), { recursive: true, mode: 0o711 });
      return join(dir, name);
    };
    const endpoint = `unix:${join(folder('run'), 'a.sock')}`;
    const user = process.getuid?.() === 0 ? await ensureUser('bastide-san') : { uid: 0, gid: 0 };
    const config = {
      id: randomUUID(),
      name: 'bench',
      endpoint,
      tls: own,
      stateDir: folder('array'),
      runDir: folder('run'),
      driver: 'qsd',
      capacityBytes: 1024 * gib,
      keysDir: folder('keys'),
      qsd: { binary: '/usr/bin/qemu-storage-daemon', uid: user.uid, gid: user.gid, clientGid: user.gid },
    };
    writeFileSync(join(dir, 'array.json'), JSON.stringify(config), { mode: 0o600 });
    const main = fileURLToPath(new URL('../array-agent/src/main.ts', import.meta.url));
    const agent = new ManagedProcess({
      name: 'array',
      args: [main, '--config', join(dir, 'array.json')],
      logFile: join(dir, 'array.log'),
    });
    await agent.start();
    return new BenchArray(agent, new AgentClient(endpoint, caller));
  }

  /** Makes a pool and answers where its volumes are served. */
  async pool(request: PoolRequest): Promise<Volume[]> {
    const poolId = randomUUID();
    const { iopsLimit, encrypted, sizeGib } = request;
    this.#made.push({ kind: 'pools', id: poolId });
    const spec = { storageClass: 'standard', sizeBytes: sizeGib * gib, iopsLimit, encrypted };
    await this.#client.put(`/v1/pools/${poolId}`, spec, { timeoutMs: callTimeoutMs });
    const volumes: Volume[] = [];
    for (let count = 0; count < request.volumes; count += 1) {
      const id = randomUUID();
      this.#made.push({ kind: 'volumes', id });
      const volume = { poolId, sizeBytes: request.volumeGib * gib };
      volumes.push(await this.#client.put<Volume>(`/v1/volumes/${id}`, volume, { timeoutMs: callTimeoutMs }));
    }
    return volumes;
  }

  /** Deletes what was made, with the daemons behind it, and ends the agent. */
  async stop(): Promise<void> {
    for (const { kind, id } of this.#made.toReversed()) {
      await this.#client.delete(`/v1/${kind}/${id}`, { timeoutMs: callTimeoutMs });
    }
    this.#client.close();
    await this.#process.end('SIGTERM');
  }
}
