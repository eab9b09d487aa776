/** SQL that changes the image catalogue (IMG-01, IMG-04). */
import { statement } from '../database/statement.ts';

export const upsertOfficialImage = statement<
  [
    id: string,
    name: string,
    osFamily: string,
    osName: string,
    osVersion: string,
    editor: string,
    descriptionFr: string,
    descriptionEn: string,
    categories: readonly string[],
  ]
>(
  'image_upsert',
  `insert into images
     (id, name, kind, os_family, os_name, os_version, editor, description_fr, description_en, categories)
   values ($1, $2, 'official', $3, $4, $5, $6, $7, $8, $9::text[])
   on conflict (id) do update set name = excluded.name, os_family = excluded.os_family, os_name = excluded.os_name,
     os_version = excluded.os_version, updated_at = now()
   where (images.name, images.os_family, images.os_name, images.os_version)
     is distinct from (excluded.name, excluded.os_family, excluded.os_name, excluded.os_version)`,
);

/** A version never changes once it is there (IMG-04). */
export const insertImageVersion = statement<
  [
    id: string,
    imageId: string,
    version: string,
    releasedAt: string,
    sha256: string,
    format: string,
    path: string,
    virtualSizeBytes: number,
    minDiskGib: number,
    toolsVersion: string | null,
    parentImageId: string | null,
    parentVersionId: string | null,
    changelog: string,
  ]
>(
  'image_version_insert',
  `insert into image_versions (id, image_id, version, released_at, sha256, format, path, virtual_size_bytes, min_disk_gib,
     tools_version, parent_image_id, parent_version_id, changelog, status)
   values ($1, $2, $3, $4::timestamptz, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'validated')
   on conflict (id) do nothing`,
);

/** The version that tenants get; null when none is offered. Locks the image against another publication. */
export const lockCurrentVersion = statement<
  [imageId: string],
  { versionId: string | null; version: string | null; releasedAt: Date | null }
>(
  'image_lock',
  `select v.id as "versionId", v.version, v.released_at as "releasedAt"
   from images i left join image_versions v on v.id = i.current_version_id where i.id = $1 for update of i`,
);

export const supersedeVersions = statement<[imageId: string, but: string]>(
  'image_versions_supersede',
  `update image_versions set status = 'superseded' where image_id = $1 and id <> $2 and status = 'published'`,
);

export const publishVersion = statement<[versionId: string]>(
  'image_version_publish',
  `update image_versions set status = 'published' where id = $1 and status <> 'published'`,
);

export const setCurrentVersion = statement<[imageId: string, versionId: string]>(
  'image_set_current',
  `update images set current_version_id = $2, updated_at = now() where id = $1 and current_version_id is distinct from $2`,
);
