/** The storage daemon and the users around it. Ids are ignored when the agent is not root. */
export interface QsdOptions {
  /** Path of qemu-storage-daemon. */
  readonly binary: string;
  /** Whom the daemon runs as. */
  readonly uid: number;
  readonly gid: number;
  /** Whose members may open the NBD sockets. */
  readonly clientGid: number;
  /** Free bytes of the medium below which nothing new is made; 1 GiB unless given. */
  readonly reserveBytes?: number;
}

/** The user a child runs as; empty when we could not change to another anyway. */
export function childUser(options: QsdOptions): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: options.uid, gid: options.gid } : {};
}
