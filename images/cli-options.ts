import { parseArgs } from 'node:util';

/** What the operator typed that cannot be acted on. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const usage = `Usage: bastide image <command> [options]

  build [NAME…]             build the recipes named, or all: micro, debian-12
      --missing             only those whose present recipe has no usable image yet
      --no-boot-check       do not boot the result once (for the first \`up\`)
      --no-publish          leave it validated
      --changelog TEXT
  import SOURCE --name NAME take in a disk: a file or an http(s) URL; qcow2, raw or VMDK
      --sha256 HEX          expected checksum of SOURCE; needed for a URL
      --insecure-no-checksum
      --kind custom|official     default custom
      --os-family linux|windows|other   --os-name NAME   --os-version VERSION
      --min-disk GIB        smallest system disk offered; default: the disk's own size
      --max-size GIB        refuse bigger disks; default 2048
      --parent VERSION-ID   what it was derived from
      --boot-check          boot it once and wait for its guest agent
      --changelog TEXT
  list                      every version, newest last
  show VERSION-ID|NAME      one record with its checks
  publish VERSION-ID        open a validated version to tenants; supersedes the one before
  remove VERSION-ID [--force]

  --state DIR               state folder; default /var/lib/bastide (root) or ~/.local/state/bastide
  --json                    print the record(s) as JSON
`;

/** Splits the command line; throws {@link UsageError} for anything unknown. */
export function parseCommandLine(argv: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        state: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        missing: { type: 'boolean', default: false },
        'no-boot-check': { type: 'boolean', default: false },
        'boot-check': { type: 'boolean', default: false },
        'no-publish': { type: 'boolean', default: false },
        changelog: { type: 'string' },
        name: { type: 'string' },
        sha256: { type: 'string' },
        'insecure-no-checksum': { type: 'boolean', default: false },
        kind: { type: 'string', default: 'custom' },
        'os-family': { type: 'string', default: 'linux' },
        'os-name': { type: 'string', default: 'Linux' },
        'os-version': { type: 'string', default: '' },
        'min-disk': { type: 'string' },
        'max-size': { type: 'string' },
        parent: { type: 'string' },
        force: { type: 'boolean', default: false },
      },
    });
    const [command, ...rest] = positionals;
    return { command, rest, values };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

export type CommandLine = ReturnType<typeof parseCommandLine>;

/** A whole number of GiB given as option, or the default. */
export function gibOption<T>(text: string | undefined, option: string, fallback: T): number | T {
  if (text === undefined) return fallback;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`--${option} takes a whole number of GiB, not ${text}`);
  return Number(text);
}

/** One of a fixed set of words. */
export function oneOf<T extends string>(text: string, option: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw new UsageError(`--${option} takes ${allowed.join(', ')}, not ${text}`);
  return found;
}
