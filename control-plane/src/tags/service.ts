/** Tags of a tenant's resources (TAG-01…03, notes §4). Which resources exist is not this service's business. */
import type { Principal } from '#libs/contract-runtime/call.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import { type AuditedCall, recordWrite } from '../audit/service.ts';
import type { Database, Session } from '../database/database.ts';
import { type TagRequest, canonicalResourceId, checkTagRequest, tagsPerResourceMax } from './rules.ts';
import { countTags, deleteTag, forgetTagsOf, listTags, putTag } from './store.ts';

/** Removes the tags of a resource in the transaction that deletes it; the id is one of ours, so in lower case. */
export async function forgetTags(session: Session, resourceId: string): Promise<void> {
  await session.run(forgetTagsOf, resourceId);
}

export class TagService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list(caller: Principal, resourceId: string): Promise<{ key: string; value: string }[]> {
    const id = canonicalResourceId(resourceId);
    return this.#database.asTenant(caller, (session) => session.rows(listTags, caller.tenantId, id));
  }

  /** Sets the tag on every resource named, or on none. @throws ApiError `rule_violated`, `conflict` */
  async put(call: AuditedCall, request: TagRequest): Promise<void> {
    checkTagRequest(request);
    const { tenantId } = call.principal;
    // In one order whatever the caller's, or two calls could wait for each other's rows.
    const targets = new Map(request.resources.map((resource) => [canonicalResourceId(resource.uuid), resource]));
    const ordered = [...targets].toSorted(([a], [b]) => (a < b ? -1 : 1));
    await this.#database.tenantTransaction(call.principal, async (session) => {
      for (const [id, { type, source }] of ordered) {
        await session.run(putTag, tenantId, id, request.key, request.value, type, source);
        const tags = await session.first(countTags, tenantId, id);
        if ((tags?.count ?? 0) > tagsPerResourceMax)
          throw new ApiError('conflict', { detail: `A resource has at most ${tagsPerResourceMax} tags; delete some` });
        await recordWrite(session, call, id);
      }
    });
  }

  /** @throws ApiError `not_found` */
  async delete(call: AuditedCall, resourceId: string, key: string): Promise<void> {
    const id = canonicalResourceId(resourceId);
    await this.#database.tenantTransaction(call.principal, async (session) => {
      const deleted = await session.run(deleteTag, call.principal.tenantId, id, key);
      if (deleted === 0) throw new ApiError('not_found');
      await recordWrite(session, call, id);
    });
  }
}
