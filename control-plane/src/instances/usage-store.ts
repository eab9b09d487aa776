/** SQL of quota and usage. The usage row of a tenant is locked by whoever changes it, so that a limit is exact. */
import { statement } from '../database/statement.ts';

type Delta = [tenantId: string, vcpu: number, ramMb: number, storageGb: number, machines: number];

/** Takes from the quota. No row when a limit would be passed. */
export const takeUsage = statement<Delta, { tenantId: string }>(
  'usage_take',
  `update tenant_usage u set vcpu_used = vcpu_used + $2, ram_used_mb = ram_used_mb + $3,
     storage_used_gb = storage_used_gb + $4, machine_count = machine_count + $5
   from quotas q where u.tenant_id = $1 and q.tenant_id = $1
     and ($2 <= 0 or vcpu_used + $2 <= q.vcpu_limit) and ($3 <= 0 or ram_used_mb + $3 <= q.ram_limit_mb)
     and ($4 <= 0 or storage_used_gb + $4 <= q.storage_limit_gb)
   returning u.tenant_id as "tenantId"`,
);
export const giveUsageBack = statement<Delta>(
  'usage_give_back',
  `update tenant_usage set vcpu_used = vcpu_used - $2, ram_used_mb = ram_used_mb - $3,
     storage_used_gb = storage_used_gb - $4, machine_count = machine_count - $5 where tenant_id = $1`,
);

export interface UsageRow {
  readonly vcpuLimit: number;
  readonly ramLimitMb: number;
  readonly storageLimitGb: number;
  readonly vcpuUsed: number;
  readonly ramUsedMb: number;
  readonly storageUsedGb: number;
}
export const readUsage = statement<[tenantId: string], UsageRow>(
  'usage_read',
  `select q.vcpu_limit as "vcpuLimit", q.ram_limit_mb as "ramLimitMb", q.storage_limit_gb as "storageLimitGb",
     u.vcpu_used as "vcpuUsed", u.ram_used_mb as "ramUsedMb", u.storage_used_gb as "storageUsedGb"
   from quotas q join tenant_usage u on u.tenant_id = q.tenant_id where q.tenant_id = $1`,
);
