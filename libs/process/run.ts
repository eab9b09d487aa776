import { spawn } from 'node:child_process';

/** A command that ended with another status than 0, was killed, or took too long. */
export class CommandFailed extends Error {
  override name = 'CommandFailed';
  readonly argv: readonly string[];
  /** Exit status; `null` when a signal or the deadline ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  constructor(argv: readonly string[], how: { status: number | null; reason: string; stdout: string; stderr: string }) {
    const tail = how.stderr.trim().split('\n').slice(-5).join('\n');
    super(`${argv.join(' ')}: ${how.reason}${tail === '' ? '' : `: ${tail}`}`);
    this.argv = argv;
    this.status = how.status;
    this.stdout = how.stdout;
    this.stderr = how.stderr;
  }
}

/** How {@link run} runs. */
export interface RunOptions {
  /** 30,000 by default; then SIGKILL and CommandFailed. */
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
  /** Gets what it prints on standard error as it comes, in pieces of any length. */
  readonly onStderr?: (text: string) => void;
}

/**
 * Runs a command to its end and answers what it printed on standard output (UTF-8). No shell.
 * @throws CommandFailed, or the system's error when it cannot be started.
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<string> {
  const { timeoutMs = 30_000, input, onStderr, ...spawnOptions } = options;
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    ...spawnOptions,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr.push(chunk);
    onStderr?.(chunk.toString('utf8'));
  });
  if (input !== undefined) {
    // A command may end without having read its input; its status tells.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  try {
    const { status, signal } = await new Promise<{ status: number | null; signal: NodeJS.Signals | null }>(
      (resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code, killedBy) => resolve({ status: code, signal: killedBy }));
      },
    );
    if (status === 0) return Buffer.concat(stdout).toString('utf8');
    const reason = late ? `no answer within ${timeoutMs} ms` : signal ? `ended by ${signal}` : `exit status ${status}`;
    throw new CommandFailed(argv, {
      status,
      reason,
      stdout: Buffer.concat(stdout).toString('utf8'),
      stderr: Buffer.concat(stderr).toString('utf8'),
    });
  } finally {
    clearTimeout(timer);
  }
}
