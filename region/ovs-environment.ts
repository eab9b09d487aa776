/** Environment that keeps an OVS or OVN daemon out of the system's own folders. */
export function daemonEnvironment(runDir: string): Record<string, string> {
  const folders = ['RUNDIR', 'LOGDIR', 'DBDIR', 'SYSCONFDIR'].flatMap((name) => [
    [`OVS_${name}`, runDir],
    [`OVN_${name}`, runDir],
  ]);
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...Object.fromEntries(folders) };
}
