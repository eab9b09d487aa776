/**
 * One row per operation of the tenant contract: a request for it that is valid in form. `matrix.test.ts` fails when an
 * operation has no row, so none can be added without being in the authorisation matrix (design §9.2).
 */

/** Ids of objects of the first tenant; `missing` is of nothing. */
export interface Known {
  readonly vm: string;
  readonly disk: string;
  readonly adapter: string;
  readonly snapshot: string;
  readonly network: string;
  readonly activity: string;
  readonly token: string;
  readonly user: string;
  readonly organisation: string;
  readonly tenant: string;
  readonly role: string;
  readonly template: string;
  readonly zone: string;
  readonly family: string;
  readonly region: string;
  readonly item: string;
  readonly policy: string;
}

export interface Row {
  /** Path without prefix; `id` gives the ids to put in: the first tenant's, or ones of nothing. */
  readonly path: (id: Known) => string;
  readonly body?: (id: Known) => object;
  /**
   * What a foreign tenant's owner is told who asks for the first tenant's objects: 404 unless said otherwise. `own` = the operation
   * answers about the caller's own tenant or about the catalogue, which is everybody's.
   */
  readonly foreign?: 'own' | 400 | 'empty';
}

const vm = (id: Known): string => `/vm_instances/v1/virtual_machines/${id.vm}`;
const own = 'own' as const;

export const rows: Readonly<Record<string, Row>> = {
  listActivities: { path: () => '/activity/v1/activities', foreign: own },
  getActivity: { path: (id) => `/activity/v1/activities/${id.activity}` },
  waitActivity: { path: (id) => `/activity/v1/activities/${id.activity}/wait?timeoutSeconds=0` },
  listTenantAssignments: {
    path: (id) => `/iam/v2/assignments/tenant?userId=${id.user}&tenantId=${id.tenant}`,
    foreign: 'empty',
  },
  getCompany: { path: (id) => `/iam/v2/companies/${id.organisation}` },
  listFeatures: { path: () => '/iam/v2/features', foreign: own },
  listFeatureAssignments: { path: (id) => `/iam/v2/features/assignments?tenantId=${id.tenant}`, foreign: 'empty' },
  listPersonalAccessTokens: { path: () => '/iam/v2/personal_access_tokens', foreign: own },
  createPersonalAccessToken: {
    path: () => '/iam/v2/personal_access_tokens',
    body: (id) => ({ name: 'matrix', roles: [id.role], expirationDate: 32_503_680_000_000 }),
    foreign: own,
  },
  getPersonalAccessToken: { path: (id) => `/iam/v2/personal_access_tokens/${id.token}` },
  deletePersonalAccessToken: { path: (id) => `/iam/v2/personal_access_tokens/${id.token}` },
  listRoles: { path: () => '/iam/v2/roles', foreign: own },
  getRole: { path: (id) => `/iam/v2/roles/${id.role}`, foreign: own },
  listTenants: { path: () => '/iam/v2/tenants', foreign: own },
  listUsers: { path: (id) => `/iam/v2/users?companyId=${id.organisation}`, foreign: 'empty' },
  getUser: { path: (id) => `/iam/v2/users/${id.user}` },
  createTag: {
    path: () => '/tag/v1/tags',
    body: (id) => ({
      key: 'k',
      value: 'foreign',
      resources: [{ uuid: id.vm, type: 'iaas_opensource_virtual_machine', source: 'iaas_opensource' }],
    }),
    foreign: own,
  },
  listResourceTags: { path: (id) => `/tag/v1/tags/resources/${id.vm}`, foreign: own },
  deleteResourceTag: { path: (id) => `/tag/v1/tags/resources/${id.vm}/keys/owner` },
  listMarketplaceItems: { path: () => '/marketplace/v1/items', foreign: own },
  getMarketplaceItem: { path: (id) => `/marketplace/v1/items/${id.item}`, foreign: own },
  getMarketplaceItemInfo: { path: (id) => `/marketplace/v1/items/${id.item}/open_iaas/info`, foreign: own },
  deployOpenIaasMarketplaceItem: {
    path: () => '/marketplace/v1/items/open_iaas/deploy',
    body: (id) => ({ id: id.item, name: 'x', storageRepositoryId: id.vm }),
    foreign: own,
  },
  deployVmwareMarketplaceItem: {
    path: () => '/marketplace/v1/items/vmware/deploy',
    body: (id) => ({ id: id.item, name: 'x', datacenterId: id.vm, datastoreId: id.vm }),
    foreign: own,
  },
  listVmRegions: { path: () => '/vm_instances/v1/regions', foreign: own },
  getVmRegion: { path: (id) => `/vm_instances/v1/regions/${id.region}`, foreign: own },
  listVmAvailabilityZones: { path: () => '/vm_instances/v1/availability_zones', foreign: own },
  getVmAvailabilityZone: { path: (id) => `/vm_instances/v1/availability_zones/${id.zone}`, foreign: own },
  listVmInstanceFamilies: { path: () => '/vm_instances/v1/instance_families', foreign: own },
  getVmInstanceFamily: { path: (id) => `/vm_instances/v1/instance_families/${id.family}`, foreign: own },
  listVmFlavors: { path: () => '/vm_instances/v1/flavors', foreign: own },
  listVmStorageTypes: { path: () => '/vm_instances/v1/storage_types', foreign: own },
  listVmTemplates: { path: () => '/vm_instances/v1/templates', foreign: own },
  getVmTemplate: { path: (id) => `/vm_instances/v1/templates/${id.template}`, foreign: own },
  listVmBackupPolicies: { path: () => '/vm_instances/v1/backup_policies', foreign: own },
  listVmNetworks: { path: () => '/vm_instances/v1/networks', foreign: own },
  // The one read that says 400 for what is not there (notes §1.2).
  getVmNetwork: { path: (id) => `/vm_instances/v1/networks/${id.network}`, foreign: 400 },
  getVmQuota: { path: () => '/vm_instances/v1/quotas', foreign: own },
  listVmTasks: { path: () => '/vm_instances/v1/tasks', foreign: own },
  getVmTask: { path: (id) => `/vm_instances/v1/tasks/${id.activity}` },
  listVmTasksOfVirtualMachine: { path: (id) => `${vm(id)}/tasks` },
  listVirtualMachines: { path: () => '/vm_instances/v1/virtual_machines?limit=200&offset=0', foreign: own },
  createVirtualMachine: {
    path: () => '/vm_instances/v1/virtual_machines',
    // The network is the first tenant's: nobody else may put a machine on it.
    body: (id) => ({
      name: 'matrix',
      availabilityZoneId: id.zone,
      templateId: id.template,
      instanceFamilyId: id.family,
      cpu: 1,
      memory: 1,
      backupPolicyId: id.policy,
      networkInterfaces: [{ deviceIndex: 0, networkId: id.network }],
    }),
    foreign: 400,
  },
  getVirtualMachine: { path: vm },
  updateVirtualMachineMetadata: { path: vm, body: () => ({ name: 'foreign' }) },
  deleteVirtualMachine: { path: vm },
  resizeVirtualMachine: { path: (id) => `${vm(id)}/resize`, body: () => ({ cpu: 2 }) },
  startVirtualMachine: { path: (id) => `${vm(id)}/start` },
  stopVirtualMachine: { path: (id) => `${vm(id)}/stop` },
  listVirtualMachineDisks: { path: (id) => `${vm(id)}/disks` },
  createVirtualMachineDisk: { path: (id) => `${vm(id)}/disks`, body: () => ({ size: 1 }) },
  extendVirtualMachineSystemDisk: { path: (id) => `${vm(id)}/disks/extend`, body: () => ({ size: 50 }) },
  getVirtualMachineDisk: { path: (id) => `${vm(id)}/disks/${id.disk}` },
  deleteVirtualMachineDisk: { path: (id) => `${vm(id)}/disks/${id.disk}` },
  extendVirtualMachineDisk: { path: (id) => `${vm(id)}/disks/${id.disk}/extend`, body: () => ({ size: 50 }) },
  listVirtualMachineNetworkAdapters: { path: (id) => `${vm(id)}/network_adapters` },
  createVirtualMachineNetworkAdapter: {
    path: (id) => `${vm(id)}/network_adapters`,
    body: (id) => ({ networkId: id.network, deviceIndex: 5 }),
    foreign: 400,
  },
  getVirtualMachineNetworkAdapter: { path: (id) => `${vm(id)}/network_adapters/${id.adapter}` },
  changeVirtualMachineNetworkAdapterNetwork: {
    path: (id) => `${vm(id)}/network_adapters/${id.adapter}`,
    body: (id) => ({ networkId: id.network }),
    foreign: 400,
  },
  deleteVirtualMachineNetworkAdapter: { path: (id) => `${vm(id)}/network_adapters/${id.adapter}` },
  listVirtualMachineSnapshots: { path: (id) => `${vm(id)}/snapshots` },
  createVirtualMachineSnapshot: { path: (id) => `${vm(id)}/snapshots`, body: () => ({ name: 'foreign' }) },
  getVirtualMachineSnapshot: { path: (id) => `${vm(id)}/snapshots/${id.snapshot}` },
  deleteVirtualMachineSnapshot: { path: (id) => `${vm(id)}/snapshots/${id.snapshot}` },
  getVirtualMachineGuest: { path: (id) => `${vm(id)}/guest` },
  getVirtualMachineSerial: { path: (id) => `${vm(id)}/serial` },
};
