import type { Operations } from '#contract/generated/tenant.ts';
import type { Handlers } from '#libs/contract-runtime/call.ts';
import { reply } from '#libs/contract-runtime/call.ts';
import type { Database } from '../database/database.ts';
import { TagService } from './service.ts';

type TagOperation = 'createTag' | 'listResourceTags' | 'deleteResourceTag';

/** `/tag/v1` (notes §4). */
export function tagHandlers(parts: { readonly database: Database }): Pick<Handlers<Operations>, TagOperation> {
  const service = new TagService(parts.database);
  return {
    createTag: async (call) => {
      await service.put(call, call.body);
      return reply.empty(201);
    },
    listResourceTags: async ({ principal, params }) => {
      const { resourceId: resource } = params;
      const tags = await service.list(principal, resource);
      return reply.ok(tags.map(({ key, value }) => ({ key, value, tenant: principal.tenantId, resource })));
    },
    deleteResourceTag: async (call) => {
      await service.delete(call, call.params.resourceId, call.params.key);
      return reply.noContent();
    },
  };
}
