/** SQL of tags (TAG-01). A tag is (resource, key) → value within a tenant. */
import { statement } from '../database/statement.ts';

export const listTags = statement<[tenantId: string, resourceId: string], { key: string; value: string }>(
  'tag_list',
  'select key, value from tags where tenant_id = $1 and resource_id = $2 order by key',
);

export const putTag = statement<
  [tenantId: string, resourceId: string, key: string, value: string, type: string, source: string]
>(
  'tag_put',
  `insert into tags (tenant_id, resource_id, key, value, resource_type, resource_source) values ($1, $2, $3, $4, $5, $6)
   on conflict (tenant_id, resource_id, key) do update set value = excluded.value,
     resource_type = excluded.resource_type, resource_source = excluded.resource_source`,
);

export const countTags = statement<[tenantId: string, resourceId: string], { count: number }>(
  'tag_count',
  'select count(*) as count from tags where tenant_id = $1 and resource_id = $2',
);

export const deleteTag = statement<[tenantId: string, resourceId: string, key: string]>(
  'tag_delete',
  'delete from tags where tenant_id = $1 and resource_id = $2 and key = $3',
);

/** Through the tenants, because the index on tags begins with them. */
export const forgetTagsOf = statement<[resourceId: string]>(
  'tag_forget',
  'delete from tags where tenant_id = any (array(select id from tenants)) and resource_id = $1',
);
