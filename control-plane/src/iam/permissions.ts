/** The atomic permissions (IAM-03, IAM-16). A role of the public API is one of them (AMB-14). */
import { nameBasedUuid } from '#libs/uuid/name-based.ts';

/** Fixed for all time: role ids stand in users' configurations. */
const roleNamespace = '6d0b0a6e-6b0f-5b0e-9a55-2f5d6a0c7e11';

/** IAM-16: `a_read|write` abbreviates `a_read`, `a_write`. */
const abbreviated = [
  ['activity', 'read', 'write'],
  ['backup_iaas_spp', 'read', 'write'],
  ['backup_iaas_opensource', 'read', 'write'],
  ['bastion', 'read', 'write', 'console_access'],
  [
    'compute_iaas_vmware',
    'read',
    'management',
    'virtual_machine_power',
    'console_access',
    'infrastructure_read',
    'infrastructure_write',
  ],
  [
    'compute_iaas_opensource',
    'read',
    'management',
    'virtual_machine_power',
    'console_access',
    'infrastructure_read',
    'infrastructure_write',
    'replication_recover',
  ],
  ['baremetal', 'read', 'management', 'console_access'],
  ['console_public_access', 'read', 'write'],
  ['documentation', 'read'],
  ['housing', 'read'],
  ['iam', 'read', 'write', 'offline_access'],
  ['intervention', 'read'],
  ['inventory', 'read', 'write'],
  ['monitoring', 'read', 'write'],
  ['metric', 'read'],
  ['network', 'read', 'write'],
  ['order', 'read', 'write'],
  ['object-storage', 'read', 'write', 'iam_management'],
  ['openshift', 'management'],
  ['support', 'read', 'write', 'management'],
  ['tag', 'read', 'write'],
  ['ticket', 'read', 'write'],
  ['ticket_comment', 'read', 'write'],
  ['incident', 'read', 'management'],
  ['billing', 'read'],
  ['vpc', 'read', 'write'],
  ['public_cloud_vm_instances', 'read', 'management', 'console_access'],
] as const;

/** Every permission there is, in the order of IAM-16. */
export const permissionNames: readonly string[] = abbreviated.flatMap(([family, ...verbs]) =>
  verbs.map((verb) => `${family}_${verb}`),
);

/** The permissions of the provider plane; no tenant holds them and none of them opens a tenant's data (SVC-05). */
export const providerPermissionNames: readonly string[] = ['provider_read', 'provider_write'];

/** The id of a permission as a role: the same in every region. */
export function roleIdOf(permission: string): string {
  return nameBasedUuid(roleNamespace, permission);
}
