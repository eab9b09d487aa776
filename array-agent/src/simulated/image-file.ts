import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import type { ImageSpec } from '#contract/generated/agent-array.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';

const checkedBytesMax = 64 * 1024 ** 2;
const assumedBytes = 1024 ** 3;
const qcow2Magic = 0x514649fb;

/** What a simulated array knows of an image: sizes only. */
export interface ImageSizes {
  sizeBytes: number;
  virtualSizeBytes: number;
}

/**
 * Looks at the image's file when there is one: sizes, and the SHA-256 of files up to 64 MiB. A simulated region has no
 * need of the files, so a missing one counts as an image of 1 GiB.
 * @throws AgentProblem 422 `checksum_mismatch`
 */
export async function measureImage(spec: ImageSpec): Promise<ImageSizes> {
  const sizeBytes = await fileSize(spec.sourcePath);
  if (sizeBytes === null) return { sizeBytes: assumedBytes, virtualSizeBytes: assumedBytes };
  if (sizeBytes <= checkedBytesMax) {
    const sum = createHash('sha256')
      .update(await fs.readFile(spec.sourcePath))
      .digest('hex');
    if (sum !== spec.sha256) {
      throw new AgentProblem(
        422,
        'checksum_mismatch',
        `the SHA-256 of ${spec.sourcePath} is ${sum}, not ${spec.sha256}`,
      );
    }
  }
  return {
    sizeBytes,
    virtualSizeBytes: spec.format === 'raw' ? sizeBytes : await qcow2Size(spec.sourcePath, sizeBytes),
  };
}

async function fileSize(path: string): Promise<number | null> {
  const found = await fs.stat(path).catch(() => null);
  return found?.isFile() === true ? found.size : null;
}

/** Bytes 24–31 of a qcow2 header are the virtual size, big-endian (docs/interop/qcow2.txt of QEMU). */
async function qcow2Size(path: string, otherwise: number): Promise<number> {
  const file = await fs.open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(32), 0, 32, 0);
    if (bytesRead < 32 || buffer.readUInt32BE(0) !== qcow2Magic) return otherwise;
    return Number(buffer.readBigUInt64BE(24));
  } finally {
    await file.close();
  }
}
