/** The tenant's quota: exact under any number of parallel requests and replicas. */
import type { Session } from '../database/database.ts';
import { OperationFailed } from '../workflow/operation.ts';
import { giveUsageBack, readUsage, takeUsage } from './usage-store.ts';

export interface Usage {
  readonly vcpu: number;
  readonly ramGb: number;
  readonly storageGb: number;
  readonly machines: number;
}

const mbPerGb = 1024;

/** @throws OperationFailed `quota_exceeded`, naming the limit that is in the way */
export async function takeQuota(session: Session, tenantId: string, usage: Usage): Promise<void> {
  const taken = await session.first(
    takeUsage,
    tenantId,
    usage.vcpu,
    usage.ramGb * mbPerGb,
    usage.storageGb,
    usage.machines,
  );
  if (taken !== null) return;
  const now = await session.first(readUsage, tenantId);
  if (now === null)
    throw new OperationFailed(
      'quota_exceeded',
      'The tenant has no quota for VM instances. Ask the provider to set one.',
    );
  const passed = [
    limit('vCPU', usage.vcpu, { used: now.vcpuUsed, most: now.vcpuLimit }),
    limit('GB of memory', usage.ramGb, { used: now.ramUsedMb / mbPerGb, most: now.ramLimitMb / mbPerGb }),
    limit('GB of storage', usage.storageGb, { used: now.storageUsedGb, most: now.storageLimitGb }),
  ].filter((text) => text !== null);
  throw new OperationFailed(
    'quota_exceeded',
    `The quota of the tenant is exceeded: ${passed.join('; ')}. Free some or ask the provider for more.`,
  );
}

export async function releaseQuota(session: Session, tenantId: string, usage: Usage): Promise<void> {
  await session.run(giveUsageBack, tenantId, usage.vcpu, usage.ramGb * mbPerGb, usage.storageGb, usage.machines);
}

function limit(unit: string, wanted: number, { used, most }: { used: number; most: number }): string | null {
  if (wanted <= 0 || used + wanted <= most) return null;
  return `${String(used)} of ${String(most)} ${unit} are used and ${String(wanted)} more are asked for`;
}
