import type { CreatedPersonalAccessToken, Operations, PersonalAccessToken } from '#contract/generated/tenant.ts';
import type { Handlers } from '#libs/contract-runtime/call.ts';
import { reply } from '#libs/contract-runtime/call.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import type { Database } from '../database/database.ts';
import type { JwtKeys } from './jwt.ts';
import { logIn } from './login-service.ts';
import { type AccessToken, IamService } from './service.ts';

type IamOperation =
  | 'authenticateWithPersonalAccessToken'
  | 'listTenantAssignments'
  | 'getCompany'
  | 'listFeatures'
  | 'listFeatureAssignments'
  | 'listPersonalAccessTokens'
  | 'createPersonalAccessToken'
  | 'getPersonalAccessToken'
  | 'deletePersonalAccessToken'
  | 'listRoles'
  | 'getRole'
  | 'listTenants'
  | 'listUsers'
  | 'getUser';

export interface IamParts {
  readonly database: Database;
  readonly keys: JwtKeys;
  readonly clock: { now(): Date };
  /** `forget` of the listener's authenticator, so that a token deleted here stops here at once. */
  readonly forgetToken: (tokenId: string) => void;
}

/** `/iam/v2` (notes §2, §3). */
export function iamHandlers(parts: IamParts): Pick<Handlers<Operations>, IamOperation> {
  const service = new IamService(parts);
  return {
    authenticateWithPersonalAccessToken: async ({ body }) =>
      // The content type is the original's; the body goes verbatim into the Authorization header (notes §2).
      reply.text(await logIn(parts, body), { contentType: 'text/html; charset=utf-8' }),
    listTenantAssignments: async ({ principal, query }) => reply.ok(await service.listAssignments(principal, query)),
    getCompany: async ({ principal, params }) =>
      reply.ok(found(await service.findOrganisation(principal, params.companyId))),
    listFeatures: async ({ principal }) => reply.ok(await service.listFeatures(principal)),
    listFeatureAssignments: async ({ principal, query }) =>
      reply.ok(await service.listFeatureAssignments(principal, query.tenantId)),
    listPersonalAccessTokens: async ({ principal }) =>
      reply.ok((await service.listTokens(principal)).map(presentToken)),
    createPersonalAccessToken: async (call) =>
      reply.created(presentCreated(await service.createToken(call, call.body))),
    getPersonalAccessToken: async ({ principal, params }) =>
      reply.ok(presentToken(found(await service.findToken(principal, params.tokenId)))),
    deletePersonalAccessToken: async (call) => {
      await service.deleteToken(call, call.params.tokenId);
      // 204 would be a failure for the client (notes §1.2).
      return reply.empty(200);
    },
    listRoles: async ({ principal }) => reply.ok(await service.listRoles(principal)),
    getRole: async ({ principal, params }) => reply.ok(found(await service.findRole(principal, params.roleId))),
    listTenants: async ({ principal }) => reply.ok(await service.listTenants(principal)),
    listUsers: async ({ principal, query }) => reply.ok(await service.listUsers(principal, query.companyId)),
    getUser: async ({ principal, params }) => reply.ok(found(await service.findUser(principal, params.userId))),
  };
}

/** Another organisation's objects are absent here, never forbidden (notes §1.2). */
function found<T>(value: T | null): T {
  if (value === null) throw new ApiError('not_found');
  return value;
}

/** On reads the expiry is text (notes §3.2). */
function presentToken(row: AccessToken): PersonalAccessToken {
  const { id, name, roleIds, expiresAtMs, userId, tenantId, tenantName } = row;
  return { id, name, roles: roleIds, expirationDate: String(expiresAtMs), userId, tenantId, tenantName };
}

/** In the answer to a create alone it is a number, and the secret is there (notes §3.2). */
function presentCreated(row: AccessToken & { secret: string }): CreatedPersonalAccessToken {
  const { id, name, secret, roleIds, expiresAtMs, userId, tenantId, tenantName } = row;
  return { id, name, secret, roles: roleIds, expirationDate: expiresAtMs, userId, tenantId, tenantName };
}
