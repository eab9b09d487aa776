import { run } from '#libs/process/run.ts';

/** A system account that a daemon runs as. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The accounts of a region: the database, the storage daemons, the virtual machines. */
export type ServiceUserName = 'bastide-db' | 'bastide-san' | 'bastide-vm';

/** Looks an account up; `null` when there is none. */
export async function findUser(name: string): Promise<SystemUser | null> {
  try {
    const [, , uid, gid] = (await run(['getent', 'passwd', name])).split(':');
    return { name, uid: Number(uid), gid: Number(gid) };
  } catch {
    return null;
  }
}

/**
 * The account, made when missing: a system user with its own group, no home and no login. Needs root.
 * @throws CommandFailed when it is missing and cannot be made.
 */
export async function ensureUser(name: ServiceUserName): Promise<SystemUser> {
  const present = await findUser(name);
  if (present) return present;
  try {
    await run([
      'useradd',
      '--system',
      '--user-group',
      '--no-create-home',
      '--home-dir',
      '/nonexistent',
      '--shell',
      '/usr/sbin/nologin',
      name,
    ]);
  } catch (error) {
    // Another process may have made it meanwhile.
    const made = await findUser(name);
    if (made) return made;
    throw error;
  }
  const made = await findUser(name);
  if (!made) throw new Error(`user ${name} was made but cannot be looked up`);
  return made;
}
