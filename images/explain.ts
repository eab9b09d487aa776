import { CommandFailed } from '#libs/process/run.ts';

const diskFull = /No space left on device|enough free space/i;

/** One sentence for an operator: what failed and, where it is known, what to do. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || diskFull.test(error instanceof CommandFailed ? error.stderr : error.message)) {
    return 'the disk of the state folder is full; nothing was registered. Free some space or name another folder with --state';
  }
  if (code === 'ENOENT' && 'syscall' in error && String(error.syscall).startsWith('spawn')) {
    return `the program ${String(error.syscall).slice('spawn '.length)} is not installed`;
  }
  if (code === 'EACCES' || code === 'EPERM')
    return `${error.message}; run it as root, or name a folder of yours with --state`;
  return error instanceof CommandFailed
    ? `${error.argv[0] ?? 'a program'} failed (status ${error.status}): ${lastWords(error.stderr)}`
    : error.message;
}

/** The first line that calls itself an error (apt and mmdebstrap go on talking after it), else the last one. */
function lastWords(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines.find((line) => /^E: |error/i.test(line)) ?? lines.at(-1) ?? '';
}
