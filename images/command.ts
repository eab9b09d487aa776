import { spawn } from 'node:child_process'
import type { SpawnOptions } from 'node:child_process'

/** A program that could not be started, ended with a non-zero status, or ran out of time. */
export class CommandFailed extends Error {
  readonly program: string
  readonly exitCode: number | null
  readonly output: string

  constructor(program: string, exitCode: number | null, output: string, reason: string) {
    super(`${program}: ${reason}${output === '' ? '' : `: ${output}`}`)
    this.name = 'CommandFailed'
    this.program = program
    this.exitCode = exitCode
    this.output = output
  }
}

export interface CommandOptions {
  timeoutMs: number
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** Statuses besides 0 that are an answer rather than a failure. */
  accept?: readonly number[]
  signal?: AbortSignal
}

const outputKeptBytes = 4096
const stdoutMaxBytes = 64 * 1024 * 1024

/** Runs a program to its end and gives its stdout; the last 4 KiB of its stderr go into the error. */
export async function run(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const spawnOptions: SpawnOptions = {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
    timeout: options.timeoutMs,
    killSignal: 'SIGTERM',
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const child = spawn(program, args, spawnOptions)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (stdout.length < stdoutMaxBytes) stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-outputKeptBytes)
  })
  child.on('error', (error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'is not installed' : error.message
    reject(new CommandFailed(program, null, '', reason))
  })
  child.on('close', (code, signal) => {
    if (code !== null && (code === 0 || options.accept?.includes(code) === true)) resolve(stdout)
    else {
      const reason = code === null ? `ended by ${signal ?? 'a signal'} (limit ${options.timeoutMs} ms)` : `failed with status ${code}`
      reject(new CommandFailed(program, code, stderr.trim(), reason))
    }
  })
  return promise
}
