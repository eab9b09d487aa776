/** The audit trail of writes that answer at once; those that become an activity write theirs with it (LOG-05). */
import type { Principal } from '#libs/contract-runtime/call.ts';
import type { Session } from '../database/database.ts';
import { statement } from '../database/statement.ts';

/** The members of a call that say who asked; any contract call fits. */
export interface AuditedCall {
  readonly operationId: string;
  readonly principal: Principal;
  readonly requestId: string;
  readonly sourceIp: string;
}

const insertEntry = statement<
  [
    tenantId: string | null,
    organisationId: string | null,
    actorId: string,
    tokenId: string,
    sourceIp: string,
    requestId: string,
    operation: string,
    resourceId: string,
  ]
>(
  'audit_insert_done',
  `insert into audit_entries
     (tenant_id, organisation_id, actor_id, token_id, source_ip, request_id, operation, resource_id, outcome)
   values ($1, $2, $3, $4, $5, $6, $7, $8, 'done')`,
);

/** Notes a write in the transaction of the write itself, so that neither exists without the other. */
export async function recordWrite(session: Session, call: AuditedCall, resourceId: string): Promise<void> {
  const { principal } = call;
  const isOperator = principal.kind === 'provider';
  await session.run(
    insertEntry,
    isOperator ? null : principal.tenantId,
    isOperator ? null : principal.organisationId,
    principal.userId,
    principal.tokenId,
    call.sourceIp,
    call.requestId,
    call.operationId,
    resourceId,
  );
}
