import { accessSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentLog } from '#libs/agent-http/server.ts';
import { NbdClient } from '#libs/nbd/client.ts';
import { run } from '#libs/process/run.ts';
import { waitFor } from '#libs/process/wait.ts';
import { FilePoolKeys } from './pool-keys.ts';
import { QsdArray } from './qsd-array.ts';

const binary = '/usr/bin/qemu-storage-daemon';
/** nobody, nogroup: anything but root. */
const user = { uid: 65_534, gid: 65_534, clientGid: 65_534 };
const nothing = (): void => undefined;
const quiet: AgentLog = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Why the tests of the real driver cannot run here; false when they can. */
export const cannotRun: string | false = reason();

function reason(): string | false {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  try {
    accessSync(binary);
    return false;
  } catch {
    return 'needs qemu-storage-daemon';
  }
}

export interface Setting {
  readonly folder: string;
  readonly capacityBytes?: number;
  readonly reserveBytes?: number;
  readonly stateDir?: string;
}

/** The real driver below a folder, quiet. */
export function openArray({ folder, capacityBytes = 2 ** 40, reserveBytes = 0, stateDir }: Setting): Promise<QsdArray> {
  return QsdArray.open({
    id: '0198b3a0-0000-7000-8000-000000000001',
    name: 'a01',
    version: 'test',
    stateDir: stateDir ?? join(folder, 's'),
    runDir: join(folder, 'r'),
    capacityBytes,
    keys: new FilePoolKeys(join(folder, 'k')),
    qsd: { binary, ...user, reserveBytes },
    log: quiet,
  });
}

/** A folder for one test, and the arrays opened in it: all goes at the end, daemons first. */
export interface TestFolder extends AsyncDisposable {
  readonly path: string;
  /** Only with `mediumBytes`. */
  resizeMedium(to: number): Promise<void>;
  open(setting?: Omit<Setting, 'folder'>): Promise<QsdArray>;
}

/** `mediumBytes` puts the array's state on a file system of its own, which can get full without harm to others. */
export async function testFolder({ mediumBytes }: { mediumBytes?: number } = {}): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'bqs-'));
  // The daemon's user has to get through.
  await chmod(path, 0o711);
  const medium = join(path, 's');
  if (mediumBytes !== undefined) {
    await mkdir(medium);
    await run(['mount', '-t', 'tmpfs', '-o', `size=${mediumBytes},mode=0711`, 'bastide-test', medium]);
  }
  let last: QsdArray | undefined;
  return {
    path,
    resizeMedium: async (to) => {
      await run(['mount', '-o', `remount,size=${to}`, medium]);
    },
    open: async (setting = {}) => {
      last = await openArray({ ...setting, folder: path });
      return last;
    },
    [Symbol.asyncDispose]: async () => {
      try {
        if (last !== undefined) await discard(last);
      } finally {
        if (mediumBytes !== undefined) await run(['umount', '-l', medium]);
      }
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** The process that serves a pool. */
export async function daemonPid(folder: string, poolId: string): Promise<number> {
  return Number((await readFile(join(folder, 'r', poolId.slice(-12), 'qsd.pid'), 'utf8')).split(' ')[0]);
}

/** Connects as a guest's QEMU would; waits for a daemon that is being brought back. */
export async function connectVolume(array: QsdArray, volumeId: string): Promise<NbdClient> {
  const { nbd } = await array.getVolume(volumeId);
  const dial = (): Promise<NbdClient | undefined> =>
    NbdClient.connect(nbd.socketPath ?? '', nbd.export).catch(() => undefined);
  return await waitFor(dial, { what: 'the export', timeoutMs: 10_000, intervalMs: 10 });
}

/** Ends daemons and files of an array, whatever a test left in it. */
async function discard(array: QsdArray): Promise<void> {
  for (const { id } of await array.listVolumes()) await array.deleteVolume(id);
  for (const { id } of await array.listPools()) await array.deletePool(id);
  await array.close();
}
