import { run } from '#libs/process/run.ts';

/** Turns a disk file into a qcow2 without compression: compressed clusters would cost every boot a decompression. */
export async function convertToQcow2(source: string, sourceFormat: string, target: string): Promise<void> {
  const args = [
    'convert',
    '-f',
    sourceFormat,
    '-O',
    'qcow2',
    '-o',
    'lazy_refcounts=off,cluster_size=65536',
    source,
    target,
  ] as const;
  await run(['qemu-img', ...args], { timeoutMs: 1_800_000 });
}

/** What `qemu-img info` says of one file, the parts that matter here. */
export interface DiskInfo {
  format: string;
  virtualSizeBytes: number;
  backingFile: string | null;
  dataFile: string | null;
  encrypted: boolean;
}

/** Inspects a disk file without opening what it may point to. */
export async function diskInfo(file: string, format: string): Promise<DiskInfo> {
  const text = await run(['qemu-img', 'info', '--output=json', '-f', format, file], { timeoutMs: 30_000 });
  const value: unknown = JSON.parse(text);
  const fields = new Map(Object.entries(typeof value === 'object' && value !== null ? value : {}));
  const specific: unknown = fields.get('format-specific');
  const dataFile = /"data-file": ?"([^"]+)"/.exec(JSON.stringify(specific ?? {}))?.[1] ?? null;
  const backing = fields.get('backing-filename');
  return {
    format: String(fields.get('format')),
    virtualSizeBytes: Number(fields.get('virtual-size')),
    backingFile: typeof backing === 'string' ? backing : null,
    dataFile,
    encrypted: fields.get('encrypted') === true,
  };
}
