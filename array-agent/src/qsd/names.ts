import { join } from 'node:path';

/**
 * QEMU's node names hold 31 bytes and a UUID without dashes has 32 digits: its version and variant digits, which are
 * the same everywhere, are left out.
 */
function nodeSuffix(id: string): string {
  const digits = id.replaceAll('-', '');
  return digits.slice(0, 12) + digits.slice(13, 16) + digits.slice(17);
}

/** The topmost node of a volume (the limit), which is exported. */
export function volumeNode(volumeId: string): string {
  return `v${nodeSuffix(volumeId)}`;
}

/** A base image, shared by all volumes of a pool that stand on it. */
export function imageNode(imageId: string): string {
  return `i${nodeSuffix(imageId)}`;
}

/** The volume behind a node of `volumeNode`'s form; undefined for any other node. */
export function isVolumeNode(node: string): boolean {
  return /^v[0-9a-f]{30}$/.test(node);
}

/** The paths of one array's state. */
export class ArrayPaths {
  readonly stateDir: string;
  readonly runDir: string;

  constructor(stateDir: string, runDir: string) {
    this.stateDir = stateDir;
    this.runDir = runDir;
  }

  get pools(): string {
    return join(this.stateDir, 'pools');
  }
  get images(): string {
    return join(this.stateDir, 'images');
  }
  get snapshots(): string {
    return join(this.stateDir, 'snapshots');
  }
  pool(poolId: string): string {
    return join(this.pools, poolId);
  }
  volumes(poolId: string): string {
    return join(this.pool(poolId), 'volumes');
  }
  volumeFile(poolId: string, volumeId: string): string {
    return join(this.volumes(poolId), `${volumeId}.qcow2`);
  }
  imageFile(imageId: string, format: 'qcow2' | 'raw'): string {
    return join(this.images, `${imageId}.${format}`);
  }

  /** Runtime folder of a pool's daemon: the last digits of its id, because a socket's path holds 107 bytes. */
  poolRun(poolId: string): string {
    return join(this.runDir, poolId.slice(-12));
  }
  nbdSocket(poolId: string): string {
    return join(this.poolRun(poolId), 'nbd.sock');
  }
}
