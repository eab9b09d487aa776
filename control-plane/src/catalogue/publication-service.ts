/** Puts versions of the images folder's catalogue on offer (IMG-01, IMG-04, RACI-11). */
import type { ImageRecord } from '#images/catalogue.ts';
import type { Session } from '../database/database.ts';
import {
  insertImageVersion,
  lockCurrentVersion,
  publishVersion,
  setCurrentVersion,
  supersedeVersions,
  upsertOfficialImage,
} from './image-store.ts';

/**
 * Registers a version and makes it the one that new machines get. Machines made from an older one keep theirs (IMG-04).
 * Repeatable.
 */
export async function publishImageVersion(session: Session, record: ImageRecord): Promise<void> {
  await register(session, record);
  await session.first(lockCurrentVersion, record.id);
  await session.run(supersedeVersions, record.id, record.versionId);
  await session.run(publishVersion, record.versionId);
  await session.run(setCurrentVersion, record.id, record.versionId);
}

/** Like {@link publishImageVersion}, but never takes a newer version off offer. Returns whether anything changed. */
export async function publishIfNewer(session: Session, record: ImageRecord): Promise<boolean> {
  await register(session, record);
  const current = await session.first(lockCurrentVersion, record.id);
  if (current?.versionId === record.versionId) return false;
  if (current !== null && current.version !== null && compareVersions(current.version, record.version) >= 0)
    return false;
  await publishImageVersion(session, record);
  return true;
}

/** Orders versions such as `2026.11.21-2` and `2026.11.21-10` by their numbers. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

async function register(session: Session, record: ImageRecord): Promise<void> {
  const { id, versionId, name, osFamily, osName, osVersion, lineage } = record;
  await session.run(
    upsertOfficialImage,
    id,
    name,
    osFamily,
    osName,
    osVersion,
    osName,
    `Image officielle ${name}, prête pour cloud-init et l’agent invité.`,
    `Official image ${name}, ready for cloud-init and the guest agent.`,
    ['Operating system'],
  );
  await session.run(
    insertImageVersion,
    versionId,
    id,
    record.version,
    record.releaseDate,
    record.sha256,
    record.format,
    `${versionId}.qcow2`,
    record.virtualSizeBytes,
    record.minDiskGib,
    record.toolsVersion,
    lineage?.parentImageId ?? null,
    lineage?.parentVersionId ?? null,
    record.changelog,
  );
}
