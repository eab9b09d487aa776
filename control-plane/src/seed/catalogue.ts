/** What every region offers from the first day: families, flavors, storage types, backup policies, products. */
import { nameBasedUuid } from '#libs/uuid/name-based.ts';

/** Fixed for all time: these ids stand in users' configurations and are the same in every region. */
const namespace = 'b1f7c3a8-5d1e-5a7b-8c11-90b2d7c4e6f5';

export function catalogueId(kind: string, name: string): string {
  return nameBasedUuid(namespace, `${kind}/${name}`);
}

interface Family {
  readonly name: string;
  readonly description: string;
  readonly vcpu: readonly [min: number, max: number];
  readonly ramGb: readonly [min: number, max: number];
  readonly cpuPolicy: 'shared' | 'dedicated';
  /** cgroup v2 `cpu.weight`; 100 is the kernel's default. */
  readonly cpuWeight: number;
  /** [name, vCPU, GB] */
  readonly flavors: readonly (readonly [string, number, number])[];
}

/** INS-03 and FLV-01…04. General Purpose starts at one vCPU because gp.small has one (FLV-04 bounds custom sizes only). */
export const families: readonly Family[] = [
  {
    name: 'Development',
    description: 'Shared vCPU, cost-optimised',
    vcpu: [1, 16],
    ramGb: [1, 24],
    cpuPolicy: 'shared',
    cpuWeight: 50,
    flavors: [
      ['dev.small', 1, 2],
      ['dev.medium', 2, 4],
      ['dev.large', 4, 8],
    ],
  },
  {
    name: 'General Purpose',
    description: 'Shared vCPU, balanced',
    vcpu: [1, 32],
    ramGb: [4, 128],
    cpuPolicy: 'shared',
    cpuWeight: 100,
    flavors: [
      ['gp.small', 1, 4],
      ['gp.medium', 2, 8],
      ['gp.large', 4, 16],
      ['gp.xlarge', 8, 32],
      ['gp.2xlarge', 16, 64],
    ],
  },
  {
    name: 'Performance',
    description: 'Dedicated vCPU, constant performance',
    // No source gives bounds; these are the ends of FLV-03.
    vcpu: [2, 16],
    ramGb: [4, 32],
    cpuPolicy: 'dedicated',
    cpuWeight: 200,
    flavors: [
      ['perf.medium', 2, 4],
      ['perf.large', 4, 8],
      ['perf.xlarge', 8, 16],
      ['perf.2xlarge', 16, 32],
    ],
  },
];

/** INS-12 with the rates of STO-02 and STO-04; INS-11 for the sizes. */
export const storageTypes = [
  {
    storageClass: 'standard',
    name: 'Standard',
    description: 'Flash, for most workloads',
    iopsPerTib: 1500,
    isDefault: true,
  },
  {
    storageClass: 'enterprise',
    name: 'Enterprise',
    description: 'Flash, for databases and other demanding workloads',
    iopsPerTib: 7500,
    isDefault: false,
  },
] as const;
export const diskSizeGb = { min: 1, max: 2048 } as const;

/** AMB-05: the shared service may go without backup; other policies come with the backup service. */
export const backupPolicies = [{ name: 'No Backup', description: 'No restore points are kept' }] as const;

interface Product {
  readonly name: string;
  readonly offered: boolean;
}

/** The products of IAM-17 as a tree of two levels; `offered` ones are switched on for every tenant. */
export const productTree: readonly { readonly name: string; readonly products: readonly Product[] }[] = [
  {
    name: 'compute',
    products: [
      { name: 'vm_instances', offered: true },
      { name: 'iaas_vmware', offered: false },
      { name: 'iaas_opensource', offered: false },
    ],
  },
  {
    name: 'network',
    products: [
      { name: 'private_backbone', offered: true },
      { name: 'vpc', offered: false },
    ],
  },
  { name: 'storage', products: [{ name: 'block_storage', offered: true }] },
  { name: 'backup', products: [{ name: 'backup_policies', offered: false }] },
  {
    name: 'management',
    products: [
      { name: 'iam', offered: true },
      { name: 'activity', offered: true },
      { name: 'tag', offered: true },
      { name: 'marketplace', offered: true },
    ],
  },
];

/** What a new tenant may use: more than a first project needs, less than would empty a region. */
export const defaultQuota = { vcpus: 4_096, ramMb: 16 * 1024 * 1024, storageGb: 256 * 1024 } as const;

/** The backbone network of every tenant. The same range for all: tenants' networks never meet. */
export const backbone = {
  name: 'LAN01',
  cidr: '10.64.0.0/14',
  mtu: 1_500,
  /** Below stay the gateway-to-be, DHCP and what later services need. */
  firstHost: 16,
} as const;
