import { statSync } from 'node:fs';

/** Whom QEMU runs as. */
export interface QemuUser {
  readonly uid: number;
  readonly gid: number;
}

/** The environment of a QEMU: nothing of ours. */
export const QEMU_ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C' };

/**
 * A command run as an unprivileged user without capabilities or a way back to them (setpriv of util-linux). The group of /dev/kvm is
 * the only other group it gets. Without root it runs as we do.
 */
export function unprivileged(user: QemuUser, argv: readonly [string, ...string[]]): [string, ...string[]] {
  if (process.getuid?.() !== 0) return [...argv];
  const kvm = kvmGroup();
  const groups = kvm === null ? ['--clear-groups'] : ['--groups', String(kvm)];
  return [
    'setpriv',
    '--reuid',
    String(user.uid),
    '--regid',
    String(user.gid),
    ...groups,
    '--no-new-privs',
    '--bounding-set=-all',
    '--inh-caps=-all',
    ...argv,
  ];
}

/** The group that may use /dev/kvm; null when there is no such device or it is not open to a group. */
export function kvmGroup(): number | null {
  const device = statSync('/dev/kvm', { throwIfNoEntry: false });
  return device === undefined || (device.mode & 0o060) !== 0o060 ? null : device.gid;
}

/** Whether an unprivileged user can open /dev/kvm at all. */
export function kvmReachable(): boolean {
  const device = statSync('/dev/kvm', { throwIfNoEntry: false });
  return device !== undefined && ((device.mode & 0o060) === 0o060 || (device.mode & 0o006) === 0o006);
}
