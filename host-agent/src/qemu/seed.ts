import { chownSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineSpec } from '#contract/generated/agent-host.ts';
import { run } from '#libs/process/run.ts';

type CloudInit = NonNullable<MachineSpec['cloudInit']>;

/**
 * Writes cloud-init's NoCloud seed: an ISO 9660 image with Joliet and Rock Ridge names and the volume id `cidata`, made by xorriso
 * (Debian package `xorriso`). The image appears whole or not at all; only `owner` may read it, it can hold passwords.
 */
async function writeSeed(image: string, cloudInit: CloudInit, owner: { uid: number; gid: number }): Promise<void> {
  const folder = mkdtempSync(`${image}.`);
  try {
    writeFileSync(join(folder, 'meta-data'), cloudInit.metaData);
    // cloud-init only takes a seed that has both files.
    writeFileSync(join(folder, 'user-data'), cloudInit.userData ?? '');
    if (cloudInit.networkConfig !== undefined) writeFileSync(join(folder, 'network-config'), cloudInit.networkConfig);
    const draft = join(folder, '..', `${folder.slice(folder.lastIndexOf('/') + 1)}.iso`);
    try {
      await run(['xorrisofs', '-quiet', '-output', draft, '-volid', 'cidata', '-joliet', '-rock', folder], {
        timeoutMs: 20_000,
      });
      if (process.getuid?.() === 0) chownSync(draft, owner.uid, owner.gid);
      renameSync(draft, image);
    } finally {
      rmSync(draft, { force: true });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the seed of a machine that has none yet; what it was given first stays (host contract, `cloudInit`). */
export async function writeSeedOnce(
  image: string,
  cloudInit: CloudInit | undefined,
  owner: { uid: number; gid: number },
): Promise<void> {
  if (cloudInit !== undefined && !existsSync(image)) await writeSeed(image, cloudInit, owner);
}
