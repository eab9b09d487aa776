/** Organisations, tenants, users, roles, features and personal access tokens, as a tenant's callers see them. */
import { randomUUIDv7 } from 'node:crypto';
import type { Feature } from '#contract/generated/tenant.ts';
import type { Principal } from '#libs/contract-runtime/call.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import { type AuditedCall, recordWrite } from '../audit/service.ts';
import type { Database } from '../database/database.ts';
import { type TokenRequest, checkGrantable, checkTokenRequest, isId, tokensPerUserMax } from './rules.ts';
import { hashSecret, newSecret } from './secrets.ts';
import {
  type AssignmentRow,
  type FeatureRow,
  type TenantRow,
  type UserRow,
  findOrganisation,
  findRole,
  findUser,
  listAssignments,
  listFeatureAssignments,
  listFeatures,
  listRoles,
  listTenantsOfUser,
  listUsers,
} from './store.ts';
import { type TokenRow, countTokensOfUser, deleteToken, findToken, insertToken, listTokens } from './token-store.ts';

interface Named {
  readonly id: string;
  readonly name: string;
}

export interface IamServiceParts {
  readonly database: Database;
  readonly clock: { now(): Date };
  /** Told of every token deleted here. */
  readonly forgetToken: (tokenId: string) => void;
}

/** A personal access token as it is kept: everything but its secret. */
export type AccessToken = TokenRow;

export class IamService {
  readonly #parts: IamServiceParts;
  readonly #database: Database;

  constructor(parts: IamServiceParts) {
    this.#parts = parts;
    this.#database = parts.database;
  }

  async listRoles(caller: Principal): Promise<Named[]> {
    return this.#database.asTenant(caller, (session) => session.rows(listRoles));
  }

  async findRole(caller: Principal, id: string): Promise<Named | null> {
    return this.#database.asTenant(caller, (session) => session.first(findRole, id));
  }

  async findOrganisation(caller: Principal, id: string): Promise<Named | null> {
    return this.#database.asTenant(caller, (session) => session.first(findOrganisation, id));
  }

  async listTenants(caller: Principal): Promise<TenantRow[]> {
    return this.#database.asTenant(caller, (session) => session.rows(listTenantsOfUser, caller.userId));
  }

  /** Users of the caller's organisation; none for any other. */
  async listUsers(caller: Principal, organisationId: string | undefined): Promise<UserRow[]> {
    if (organisationId !== undefined && organisationId !== caller.organisationId) return [];
    return this.#database.asTenant(caller, (session) => session.rows(listUsers));
  }

  async findUser(caller: Principal, id: string): Promise<UserRow | null> {
    return this.#database.asTenant(caller, (session) => session.first(findUser, id));
  }

  /** Permissions of a user in a tenant: of anybody in the caller's tenant, of themself in any (IAM-02). */
  async listAssignments(
    caller: Principal,
    wanted: { userId: string; tenantId: string; roleId?: string },
  ): Promise<AssignmentRow[]> {
    const userId = wanted.userId.toLowerCase();
    const tenantId = wanted.tenantId.toLowerCase();
    const roleId = wanted.roleId?.toLowerCase() ?? null;
    if (!isId(userId) || !isId(tenantId) || (roleId !== null && !isId(roleId))) return [];
    if (tenantId !== caller.tenantId && userId !== caller.userId) return [];
    return this.#database.asTenant(caller, (session) => session.rows(listAssignments, userId, tenantId, roleId));
  }

  /** The products as a tree. */
  async listFeatures(caller: Principal): Promise<Feature[]> {
    const rows = await this.#database.asTenant(caller, (session) => session.rows(listFeatures));
    return featureTree(rows, null);
  }

  /** Products switched on for a tenant that the caller can see (IAM-17). */
  async listFeatureAssignments(caller: Principal, tenant: string): Promise<{ featureId: string; tenantId: string }[]> {
    const tenantId = tenant.toLowerCase();
    return this.#database.asTenant(caller, async (session) => {
      const visible = await session.rows(listTenantsOfUser, caller.userId);
      return visible.some(({ id }) => id === tenantId) ? session.rows(listFeatureAssignments, tenantId) : [];
    });
  }

  /** All tokens of the tenant, whoever made them (notes §3.3). */
  async listTokens(caller: Principal): Promise<AccessToken[]> {
    return this.#database.asTenant(caller, (session) => session.rows(listTokens));
  }

  async findToken(caller: Principal, id: string): Promise<AccessToken | null> {
    return this.#database.asTenant(caller, (session) => session.first(findToken, id));
  }

  /**
   * Makes a token for the caller in the caller's tenant.
   * @returns the token with its secret, which exists nowhere else from here on
   * @throws ApiError `rule_violated`, `unknown_reference`, `forbidden`, `conflict`
   */
  async createToken(call: AuditedCall, request: TokenRequest): Promise<AccessToken & { secret: string }> {
    const { principal: caller } = call;
    checkTokenRequest(request, this.#parts.clock.now());
    const roles = await this.listRoles(caller);
    const roleIds = request.roles.map((id) => id.toLowerCase());
    checkGrantable(roleIds, new Map(roles.map((role) => [role.id, role.name])), caller.permissions);
    const secret = newSecret();
    const secretHash = await hashSecret(secret);
    const id = randomUUIDv7();
    const { tenantId, organisationId, userId } = caller;
    const { name, expirationDate } = request;
    return this.#database.tenantTransaction(caller, async (session) => {
      const made = await session.first(countTokensOfUser, userId);
      if ((made?.count ?? 0) >= tokensPerUserMax)
        throw new ApiError('conflict', { detail: `A user has at most ${tokensPerUserMax} tokens; delete some` });
      await session.run(insertToken, id, tenantId, organisationId, userId, name, secretHash, roleIds, expirationDate);
      await recordWrite(session, call, id);
      const row = await session.first(findToken, id);
      if (row === null) throw new Error('a token just made cannot be read');
      return { ...row, secret };
    });
  }

  /**
   * Revokes a token: no log-in with it from now on. Somebody else's only with the right to manage access.
   * @throws ApiError `not_found`, `forbidden`
   */
  async deleteToken(call: AuditedCall, id: string): Promise<void> {
    const { principal: caller } = call;
    await this.#database.tenantTransaction(caller, async (session) => {
      const token = await session.first(findToken, id);
      if (token === null) throw new ApiError('not_found');
      if (token.userId !== caller.userId && !caller.permissions.has('iam_write'))
        throw new ApiError('forbidden', { permission: 'iam_write' });
      // Gone between the two statements: another caller's delete won.
      if ((await session.run(deleteToken, id)) === 0) throw new ApiError('not_found');
      await recordWrite(session, call, id);
    });
    this.#parts.forgetToken(id);
  }
}

function featureTree(rows: readonly FeatureRow[], parentId: string | null): Feature[] {
  return rows
    .filter((row) => row.parentId === parentId)
    .map(({ id, name }) => ({ id, name, subFeatures: featureTree(rows, id) }));
}
