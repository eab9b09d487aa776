import { CommandFailed } from '#libs/process/run.ts';

/** One sentence for an operator: what failed and, where it is known, what to do. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  const text = error instanceof CommandFailed ? `${error.message}\n${error.stderr}` : error.message;
  if (code === 'ENOSPC' || /No space left on device/i.test(text)) {
    return 'the disk of the state folder is full; nothing was registered. Free some space or name another folder with --state';
  }
  if (code === 'ENOENT' && 'syscall' in error && String(error.syscall).startsWith('spawn')) {
    return `the program ${String(error.syscall).slice('spawn '.length)} is not installed`;
  }
  if (code === 'EACCES' || code === 'EPERM')
    return `${error.message}; run it as root, or name a folder of yours with --state`;
  return error.message;
}
