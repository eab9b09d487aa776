import { createWriteStream } from 'node:fs';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';

const regularFile = 0o100000;
const directory = 0o040000;
const symbolicLink = 0o120000;
const characterDevice = 0o020000;

/** One member of a cpio archive; everything belongs to root, whoever builds. */
export type CpioEntry =
  | { type: 'file'; name: string; mode: number; content: Buffer }
  | { type: 'directory'; name: string; mode: number }
  | { type: 'symlink'; name: string; target: string }
  | { type: 'device'; name: string; mode: number; major: number; minor: number };

/**
 * Encodes one member in the `newc` format that Linux reads as initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
export function encodeCpioEntry(entry: CpioEntry, inode: number): Buffer {
  const data =
    entry.type === 'file' ? entry.content : entry.type === 'symlink' ? Buffer.from(entry.target) : Buffer.alloc(0);
  const mode = {
    file: () => regularFile | (entry.type === 'file' ? entry.mode : 0),
    directory: () => directory | (entry.type === 'directory' ? entry.mode : 0),
    symlink: () => symbolicLink | 0o777,
    device: () => characterDevice | (entry.type === 'device' ? entry.mode : 0),
  }[entry.type]();
  const [major, minor] = entry.type === 'device' ? [entry.major, entry.minor] : [0, 0];
  const name = Buffer.from(`${entry.name}\0`);
  const fields = [
    inode,
    mode,
    0,
    0,
    entry.type === 'directory' ? 2 : 1,
    0,
    data.length,
    0,
    0,
    major,
    minor,
    name.length,
    0,
  ];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([pad4(Buffer.concat([header, name])), pad4(data)]);
}

function pad4(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}

/** Writes a folder's content (plus /dev/console, which the kernel opens before init runs) as an initramfs. */
export async function writeInitramfs(folder: string, target: string): Promise<void> {
  const out = createWriteStream(target);
  let inode = 1;
  const write = (entry: CpioEntry): void => {
    out.write(encodeCpioEntry(entry, inode));
    inode += 1;
  };
  for await (const entry of folderEntries(folder, '')) write(entry);
  write({ type: 'device', name: 'dev/console', mode: 0o600, major: 5, minor: 1 });
  out.write(encodeCpioEntry({ type: 'file', name: 'TRAILER!!!', mode: 0, content: Buffer.alloc(0) }, 0));
  out.end();
  await finished(out);
}

async function* folderEntries(folder: string, prefix: string): AsyncGenerator<CpioEntry> {
  const names = (await readdir(path.join(folder, prefix))).toSorted();
  for (const child of names) {
    const name = prefix === '' ? child : `${prefix}/${child}`;
    const full = path.join(folder, name);
    const info = await lstat(full);
    if (info.isDirectory()) {
      yield { type: 'directory', name, mode: info.mode & 0o7777 };
      yield* folderEntries(folder, name);
    } else if (info.isSymbolicLink()) yield { type: 'symlink', name, target: await readlink(full) };
    else if (info.isFile()) yield { type: 'file', name, mode: info.mode & 0o7777, content: await readFile(full) };
  }
}
