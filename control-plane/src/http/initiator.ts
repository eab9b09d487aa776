/** Who asks, from a call, for activities and audit entries. */
import type { Principal } from '#libs/contract-runtime/call.ts';
import type { Initiator } from '../activity/service.ts';

export function initiatorOf(call: { principal: Principal; requestId: string; sourceIp: string }): Initiator {
  const { userId, organisationId, tenantId, tokenId } = call.principal;
  return { userId, organisationId, tenantId, tokenId, requestId: call.requestId, sourceIp: call.sourceIp };
}
