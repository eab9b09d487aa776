import { randomBytes, randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { pino } from 'pino';
import type { AdapterSpec, DiskSpec, MachineSpec } from '#contract/generated/agent-host.ts';
import { waitFor } from '#libs/process/wait.ts';
import { Cgroups } from '../../cgroup.ts';
import type { HostAgentConfig } from '../../config.ts';
import { bootSector } from '../boot-sector.ts';
import type { BootSectorEnding } from '../boot-sector.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';
/** Any number without an account: nobody else's files are reachable by it. */
const TEST_ID = 64_230;

/** Why tests with a real QEMU cannot run here; undefined when they can. */
export const skipReason: string | undefined =
  process.getuid?.() !== 0 ? 'needs root' : existsSync(QEMU) ? undefined : 'needs QEMU';

/** A host's folders and NBD exports in a temporary place; `end` ends what it started and removes them. */
export class TestHost {
  readonly root = mkdtempSync(join(tmpdir(), 'bh-'));
  readonly config: HostAgentConfig;
  readonly log = pino({ level: process.env['TEST_LOG'] ?? 'silent' });
  readonly #ends: (() => Promise<void>)[] = [];

  constructor(change: Partial<HostAgentConfig> = {}) {
    chmodSync(this.root, 0o711);
    const stateDir = join(this.root, 's');
    this.config = {
      id: randomUUID(),
      name: 'test-host',
      zone: 'test',
      endpoint: `unix:${join(this.root, 'agent.sock')}`,
      tls: { ca: '', cert: '', key: '' },
      stateDir,
      runDir: join(this.root, 'r'),
      driver: 'qemu',
      memoryMib: 4096,
      qemu: {
        binary: QEMU,
        uid: TEST_ID,
        gid: TEST_ID,
        acceleratorCacheFile: join(this.root, 'accelerator.json'),
        probeKernel: null,
      },
      ovs: null,
      cgroupRoot: 'bastide-test',
      ...change,
    };
  }

  /** A bootable disk whose guest prints `text` and then does as told, exported over NBD. */
  async bootDisk(text: string, ending: BootSectorEnding): Promise<DiskSpec> {
    return await this.exported(Buffer.concat([bootSector(text, ending)], 1024 * 1024), 0);
  }

  /** An empty disk, exported over NBD. */
  async dataDisk(position: number): Promise<DiskSpec> {
    return await this.exported(Buffer.alloc(1024 * 1024), position);
  }

  /** A disk with this content, exported over NBD by qemu-nbd. */
  async exported(content: Buffer | string, position: number): Promise<DiskSpec> {
    const name = randomBytes(4).toString('hex');
    const folder = join(this.root, name);
    mkdirSync(folder);
    const image = typeof content === 'string' ? content : join(folder, 'disk.img');
    if (typeof content !== 'string') writeFileSync(image, content);
    const socketPath = join(folder, 'nbd');
    const format = typeof content === 'string' ? 'qcow2' : 'raw';
    const snapshot = typeof content === 'string' ? ['--snapshot'] : [];
    const child = spawn(
      'qemu-nbd',
      [
        '--socket',
        socketPath,
        '--persistent',
        '--shared',
        '0',
        '--format',
        format,
        ...snapshot,
        '--export-name',
        'disk',
        image,
      ],
      {
        stdio: 'ignore',
        env: { ...process.env, TMPDIR: this.root },
      },
    );
    this.#ends.push(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    await waitFor(() => existsSync(socketPath), { what: 'qemu-nbd', timeoutMs: 10_000, intervalMs: 5 });
    chownSync(socketPath, TEST_ID, TEST_ID);
    chmodSync(folder, 0o711);
    return { volumeId: randomUUID(), position, serial: name, nbd: { socketPath, export: 'disk' } };
  }

  /** What is to be ended with the host, last first. */
  onEnd(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end();
    rmSync(this.root, { recursive: true, force: true });
    const cgroups = new Cgroups(join(this.config.cgroupRoot, this.config.id));
    await waitFor(() => cgroups.removeBranch(), { what: 'the control groups to be empty', timeoutMs: 10_000 });
  }
}

/** A small machine that is on and has the given disks. */
export function specWith(disks: DiskSpec[], change: Partial<MachineSpec> = {}): MachineSpec {
  return {
    generation: 1,
    name: 'test',
    power: 'on',
    stopGraceSeconds: 0,
    vcpus: 1,
    memoryMib: 64,
    cpu: { policy: 'shared', weight: 100 },
    disks,
    adapters: [],
    restart: { policy: 'never' },
    ...change,
  };
}

/** An adapter with ids and an address of its own. */
export function adapterSpec(deviceIndex: number): AdapterSpec {
  const adapterId = randomUUID();
  const macAddress = `52:54:00:${randomBytes(3).toString('hex').match(/../g)?.join(':') ?? '00:00:00'}`;
  return { adapterId, portName: adapterId, macAddress, deviceIndex };
}
