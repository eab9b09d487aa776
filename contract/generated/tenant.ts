// Generated from contract/tenant by tools/generate.ts. Do not edit.

export interface Activity {
  id: string;
  tenantId: string;
  description: string;
  type: string;
  tags: string[];
  /** RFC 3339 with offset or Z. Any other form (number, empty string, no offset) breaks the decoding. */
  creationDate: string;
  concernedItems: ActivityConcernedItem[];
  /** Exactly one member, whose name is the current state. */
  state: Record<string, ActivityState>;
}

export interface ActivityState {
  startDate?: string | null;
  stopDate?: string | null;
  /** Failure text. Some wordings are taken as transient, see the notes. */
  reason?: string | null;
  /** Id of the created object for creates. Always a string, never an object or a list. */
  result?: string | null;
  /** Not interpreted. */
  progression?: number | null;
}

export interface ActivityConcernedItem {
  id: string;
  /** Free text; the values below are the ones the client looks for. */
  type: string;
}

export interface AuthRequest {
  /** Id of the personal access token (client id). */
  id: string;
  /** Secret returned once at creation. */
  secret: string;
}

export type CompactJwt = string;

/** Claims read by the client. It does not verify the signature, but the header must name a registered `alg` (for example HS256 or RS256). A missing userId, companyId or scope.id crashes callers that need it. */
export interface LoginTokenClaims {
  /** Expiry in seconds since the epoch; the client logs in again when less than 5 minutes remain. */
  exp: number;
  userId: string;
  companyId: string;
  scope: {
    /** Tenant id. */
    id: string;
    [member: string]: unknown;
  };
  [member: string]: unknown;
}

/** The client shows the raw body text and parses nothing out of it, except that one message for the deletion of a platform-managed static IP is recognised by its words. */
export interface Error {
  message?: string;
  [member: string]: unknown;
}

export interface Reference {
  id: string;
  name: string;
}

export interface TenantAssignment {
  userId: string;
  tenantId: string;
  roleId: string;
}

export interface Company {
  id: string;
  name: string;
}

export interface Feature {
  id: string;
  name: string;
  /** Empty or absent on a leaf. */
  subFeatures?: Feature[];
}

export interface FeatureAssignment {
  featureId: string;
  tenantId: string;
}

export interface Role {
  id: string;
  name: string;
}

export interface Tenant {
  id: string;
  name: string;
  /** SecNumCloud qualified tenant. */
  snc: boolean;
  companyId: string;
}

export interface User {
  id: string;
  internalId: string;
  name: string;
  type: string;
  source: string[] | null;
  sourceId: string | null;
  emailVerified: boolean;
  email: string;
}

/** Read and list shape. */
export interface PersonalAccessToken {
  id: string;
  name: string;
  /** Role ids, usable as they are in a new create request. */
  roles: string[];
  /** Milliseconds since the epoch, as a decimal string. A JSON number breaks the decoding. */
  expirationDate: string;
  userId: string;
  tenantId: string;
  tenantName: string;
}

export interface CreatePersonalAccessTokenRequest {
  name: string;
  roles: string[];
  /** Milliseconds since the epoch. */
  expirationDate: number;
}

/** Create answer. The secret appears here and nowhere else. */
export interface CreatedPersonalAccessToken {
  id: string;
  name?: string;
  secret: string;
  roles?: string[];
  /** Milliseconds since the epoch, as a number (a string is tolerated). */
  expirationDate?: number;
  userId?: string;
  tenantId?: string;
  tenantName?: string;
}

export interface MarketplaceItem {
  id: string;
  name: string;
  editor: string;
  icon: string;
  /** French text. */
  description: string;
  /** English text. */
  descriptionEn: string;
  creationDate: string;
  lastUpdate: string;
  categories: string[];
  /** Only items of type "Virtual Machine Image" are offered by the Terraform layer. */
  type: string;
  version: string;
  build: string;
  details: MarketplaceItemDetails;
  detailsEn: MarketplaceItemDetails;
  deploymentOptions: {
    targets: MarketplaceTarget[];
  };
}

export interface MarketplaceItemDetails {
  overview?: string | null;
  howToUse?: string | null;
  support?: string | null;
  termsAndConditions?: string | null;
}

export interface MarketplaceTarget {
  key: string;
  name: string;
  skus: string[];
  files: string[];
}

export interface OpenIaasItemInfo {
  name: string;
  description?: string;
  cpu?: {
    count?: number;
    coresPerSocket?: number;
  };
  /** Bytes. */
  memory?: number;
  operatingSystem?: {
    name?: string;
    distro?: string;
    version?: string;
  };
  disks?: {
    name?: string;
    /** Bytes. */
    virtualSize?: number;
    /** Bytes. */
    physicalUtilisation?: number;
    type?: string;
  }[];
  networkAdapters: {
    name: string;
    networkName: string;
    mtu?: number;
  }[];
  highAvailability?: {
    enabled?: boolean;
    restartPriority?: string;
  };
  pvDrivers?: {
    detected?: boolean;
    version?: string;
    upToDate?: boolean;
  };
}

export interface VmwareItemInfo {
  name: string;
  cpu?: {
    count?: number;
    numCoresPerSocket?: number;
  };
  /** Bytes. */
  memory?: number;
  operatingSystem?: {
    id?: string;
    name?: string;
  };
  hardwareVersion?: string;
  networkAdapters: {
    name: string;
    networkName: string;
    type?: string;
  }[];
  controllers?: {
    id?: string;
    name?: string;
    type?: string;
    subType?: string;
  }[];
  disks?: {
    name?: string;
    /** Bytes. */
    capacity?: number;
    controllerId?: string;
    /** Bytes. */
    populatedSize?: number;
  }[];
  extraConfig?: {
    key?: string;
    value?: string;
    required?: boolean;
  }[];
}

export interface MarketplaceNetworkMapping {
  /** Adapter name of the item info. Wins over sourceNetworkName when both are given. Sent for OpenIaaS only. */
  networkAdapterName?: string;
  /** Network name of the item info. Deprecated but always sent. */
  sourceNetworkName?: string;
  destinationNetworkId: string;
}

/** Plain text, not base64, unlike the cloud-init of the VM instances service. */
export interface PlainCloudInit {
  cloudConfig: string;
  networkConfig?: string;
}

export interface DeployOpenIaasItemRequest {
  /** Item id. */
  id: string;
  /** Name of the new virtual machine. */
  name: string;
  storageRepositoryId: string;
  /** Omitted when there is no adapter; otherwise one entry per adapter of the item, in order. */
  networkData?: MarketplaceNetworkMapping[];
  cloudInit?: PlainCloudInit;
}

export interface DeployVmwareItemRequest {
  /** Item id. */
  id: string;
  name: string;
  datacenterId: string;
  hostClusterId?: string;
  hostId?: string;
  datastoreId: string;
  networkData?: MarketplaceNetworkMapping[];
  deployOptions?: {
    id: string;
    value: string;
  }[];
}

export interface Tag {
  key: string;
  value: string;
  /** Tenant id of the caller. */
  tenant: string;
  /** Id of the tagged resource. */
  resource: string;
}

export interface CreateTagRequest {
  key: string;
  value: string;
  resources: TagTarget[];
}

export interface TagTarget {
  uuid: string;
  /** Values sent by the client. */
  type: string;
  /** Values sent by the client. */
  source: string;
}

export interface VmRegion {
  id: string;
  name: string;
  description: string | null;
  /** ISO 3166-1 alpha-2. */
  countryCode: string;
  geography: string;
  isEnabled: boolean;
  azCount: number;
  createdAt: string;
  updatedAt: string;
}

export interface VmAvailabilityZone {
  id: string;
  name: string;
  description: string | null;
  regionId: string;
  isEnabled: boolean;
  /** Objects here, plain ids in a template. */
  compatibleFamilies: Reference[];
  createdAt: string;
  updatedAt: string;
}

export interface VmInstanceFamily {
  id: string;
  name: string;
  description: string | null;
  vcpuMin: number;
  vcpuMax: number;
  ramMinGb: number;
  ramMaxGb: number;
}

export interface VmFlavor {
  id: string;
  instanceFamilyId: string;
  name: string;
  vcpu: number;
  ramGb: number;
}

export interface VmFlavorList {
  flavors: VmFlavor[];
}

export interface VmStorageType {
  id: string;
  name: string;
  description: string | null;
  /** Free text. */
  iopsHint: string | null;
  minSizeGb: number;
  maxSizeGb: number;
  isAvailable: boolean;
}

export interface VmStorageTypeList {
  storageTypes: VmStorageType[];
}

/** More members may be present (marketplace texts, network interfaces), they are ignored. */
export interface VmTemplate {
  id: string;
  name: string;
  osFamily: string;
  osName: string;
  osVersion: string;
  /** Sizes of the disks the template provides, system disk first. */
  diskSizesGb: number[];
  /** Instance family ids. */
  compatibleFamilies: string[];
  categories?: string[] | null;
  family?: string | null;
  version?: string | null;
  editor?: string | null;
  descriptionEn?: string | null;
  templateType?: string | null;
  /** Data URI. */
  icon?: string | null;
  [member: string]: unknown;
}

export interface VmBackupPolicy {
  id: string;
  name: string;
  description: string | null;
  /** Number of restore points kept. */
  retention: number | null;
  scheduleCron: string | null;
  scheduleWindowStartHour: number | null;
  scheduleWindowDurationMinutes: number | null;
}

export interface VmNetwork {
  id: string;
  name: string;
  vpc?: VmNetworkVpc;
}

/** Present on VPC-backed networks only; the member is left out otherwise. */
export interface VmNetworkVpc {
  /** VPC id. */
  id: string;
  name: string;
  privateNetwork: Reference;
}

export interface VmQuota {
  vcpuLimit: number;
  /** Megabytes (1024 per GB of VM memory). */
  ramLimitMb: number;
  storageLimitGb: number;
  vcpuUsed: number;
  ramUsedMb: number;
  storageUsedGb: number;
}

export interface VmTask {
  id: string;
  vmId?: string | null;
  taskType: string;
  /** Free text for the client; values it names. */
  status: string;
  message?: string | null;
  failureCode?: string | null;
  retriedFromId?: string | null;
  createdAt: string;
  updatedAt?: string | null;
  completedAt?: string | null;
}

export interface VirtualMachine {
  id: string;
  name: string;
  /** `running` and `stopped` are the two settled values, in lower case. Only `stopped` counts as off; anything else counts as on. */
  status: string;
  az: Reference;
  template: Reference;
  instanceFamily: Reference;
  vcpu: number;
  ramGb: number;
  /** Sum of the sizes of all disks. */
  disksSizeGb: number;
  backupPolicy: Reference | null;
  guestToolsInstalled: boolean;
  createdAt: string;
  updatedAt: string;
}

export interface VirtualMachineList {
  vms: VirtualMachine[];
  /** Number of matches over all pages; not used by the client. */
  total: number;
}

export interface CreateVirtualMachineRequest {
  name: string;
  availabilityZoneId: string;
  templateId: string;
  instanceFamilyId: string;
  cpu: number;
  /** GB. */
  memory: number;
  backupPolicyId: string;
  networkInterfaces: VmNicSpec[];
  cloudInit?: EncodedCloudInit;
  /** The Terraform layer always sends it. */
  powerState?: 'on' | 'off';
}

export interface VmNicSpec {
  deviceIndex: number;
  networkId: string;
  ipAddress?: string;
}

/** Each member is standard base64 (with padding) of the YAML text. Not readable back. */
export interface EncodedCloudInit {
  cloudConfig?: string;
  networkConfig?: string;
}

export interface UpdateVirtualMachineRequest {
  name?: string;
  backupPolicyId?: string;
}

export interface ResizeVirtualMachineRequest {
  cpu?: number;
  /** GB. */
  memory?: number;
}

export interface VmDisk {
  id: string;
  /** 0 for the system disk, 1 and up for data disks. */
  position: number;
  /** The `name` of the create request. */
  label: string;
  sizeGb: number;
  /** Storage type id. */
  storageType: string;
  /** True for the system disk only. */
  isPrimary: boolean;
}

export interface VmDiskList {
  vmId: string;
  disks: VmDisk[];
  total: number;
}

export interface CreateVmDiskRequest {
  /** GB. */
  size: number;
  /** Storage type id; the platform picks a default when absent. */
  storageType?: string;
  /** The platform picks one when absent. */
  name?: string;
}

export interface ExtendVmDiskRequest {
  /** New total size in GB (not an increment). */
  size: number;
}

export interface VmNetworkAdapter {
  id: string;
  deviceIndex: number;
  networkId: string;
  networkName: string;
  /** Follows from the network. */
  type: 'vpc' | 'private_backbone';
  provisionStatus: 'provisioning' | 'provisioned' | 'failed';
  /** Lower case with colons; filled in after provisioning. */
  macAddress: string | null;
  /** Reported by the guest; null until then. */
  ipv4Address: string | null;
  /** Reported by the guest; null until then. */
  ipv6Address: string | null;
}

export interface VmNetworkAdapterList {
  vmId: string;
  networks: VmNetworkAdapter[];
  total: number;
}

export interface CreateVmNetworkAdapterRequest {
  networkId: string;
  deviceIndex: number;
  ipAddress?: string;
}

export interface ChangeVmNetworkAdapterRequest {
  /** May equal the current network when only the address changes. */
  networkId: string;
  ipAddress?: string;
}

export interface VmSnapshot {
  id: string;
  vmId: string;
  tenantId: string;
  name: string;
  status: string;
  createdAt: string;
  /** Added by Bastide. `filesystem` = the guest's file systems were frozen, or it was off; `crash` = its tools did not answer, so it is as after a power cut. */
  consistency?: 'filesystem' | 'crash' | null;
}

export interface VmSnapshotList {
  snapshots: VmSnapshot[];
  total: number;
}

export interface CreateVmSnapshotRequest {
  name: string;
}

/** TOL-05. `unknown` while the machine is off or has not had the time to boot; off is not absent. */
export type VmToolsState = 'ok' | 'outdated' | 'disabled' | 'absent' | 'unknown';

/** One stretch of time in one tools state; the last one is open. */
export interface VmToolsInterval {
  state: VmToolsState;
  from: string;
  /** null while the state lasts. */
  to: string | null;
}

/** One guest interface; link-local IPv6 addresses are left out. */
export interface VmGuestAddress {
  /** Interface name inside the guest. */
  name?: string;
  macAddress: string;
  ipv4: string[];
  ipv6: string[];
}

export interface VmGuestOs {
  id?: string;
  name?: string;
  version?: string;
  kernel?: string;
  hostname?: string;
}

export interface VmGuest {
  toolsState: VmToolsState;
  toolsSince: string | null;
  toolsVersion: string | null;
  addresses: VmGuestAddress[];
  os: VmGuestOs | null;
  /** TOL-03, TOL-04: the tools are missing or not working. */
  slaSuspended: boolean;
  /** Oldest first. */
  intervals: VmToolsInterval[];
}

/** Every operation: what it takes and what it answers per status. */
export interface Operations {
  /** GET /activity/v1/activities - List the activities visible to the caller */
  listActivities: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Activity[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /activity/v1/activities/{activityId} - Read one activity (polled until terminal) */
  getActivity: {
    anonymous: false;
    params: { activityId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Activity;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /iam/v2/auth/personal_access_token - Exchange a personal access token for a JWT */
  authenticateWithPersonalAccessToken: {
    anonymous: true;
    params: Record<string, never>;
    query: Record<string, never>;
    body: AuthRequest;
    responses: {
      200: CompactJwt;
      400: Error;
      401: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/assignments/tenant - List the roles that a user holds on a tenant */
  listTenantAssignments: {
    anonymous: false;
    params: Record<string, never>;
    query: { userId: string; tenantId: string; roleId?: string };
    body: undefined;
    responses: {
      200: TenantAssignment[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/companies/{companyId} - Read one company */
  getCompany: {
    anonymous: false;
    params: { companyId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Company;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/features - List the feature tree */
  listFeatures: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Feature[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/features/assignments - List the features assigned to a tenant */
  listFeatureAssignments: {
    anonymous: false;
    params: Record<string, never>;
    query: { tenantId: string };
    body: undefined;
    responses: {
      200: FeatureAssignment[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/personal_access_tokens - List personal access tokens */
  listPersonalAccessTokens: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: PersonalAccessToken[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** POST /iam/v2/personal_access_tokens - Create a personal access token for the caller */
  createPersonalAccessToken: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: CreatePersonalAccessTokenRequest;
    responses: {
      201: CreatedPersonalAccessToken;
      400: Error;
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/personal_access_tokens/{tokenId} - Read one personal access token */
  getPersonalAccessToken: {
    anonymous: false;
    params: { tokenId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: PersonalAccessToken;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
      500: Error;
    };
  };
  /** DELETE /iam/v2/personal_access_tokens/{tokenId} - Revoke a personal access token */
  deletePersonalAccessToken: {
    anonymous: false;
    params: { tokenId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: undefined;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/roles - List the roles */
  listRoles: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Role[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/roles/{roleId} - Read one role */
  getRole: {
    anonymous: false;
    params: { roleId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Role;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/tenants - List the tenants visible to the caller */
  listTenants: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Tenant[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/users - List the users of a company */
  listUsers: {
    anonymous: false;
    params: Record<string, never>;
    query: { companyId?: string };
    body: undefined;
    responses: {
      200: User[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /iam/v2/users/{userId} - Read one user */
  getUser: {
    anonymous: false;
    params: { userId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: User;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /marketplace/v1/items - List the marketplace items */
  listMarketplaceItems: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: MarketplaceItem[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /marketplace/v1/items/{itemId} - Read one marketplace item */
  getMarketplaceItem: {
    anonymous: false;
    params: { itemId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: MarketplaceItem;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /marketplace/v1/items/{itemId}/{target}/info - Read the hardware description of an item for one target */
  getMarketplaceItemInfo: {
    anonymous: false;
    params: { itemId: string; target: 'open_iaas' | 'vmware' };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: OpenIaasItemInfo | VmwareItemInfo;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /marketplace/v1/items/open_iaas/deploy - Create an OpenIaaS virtual machine from an item */
  deployOpenIaasMarketplaceItem: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: DeployOpenIaasItemRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /marketplace/v1/items/vmware/deploy - Create a VMware virtual machine from an item */
  deployVmwareMarketplaceItem: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: DeployVmwareItemRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /tag/v1/tags - Attach one key/value to one or more resources */
  createTag: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: CreateTagRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /tag/v1/tags/resources/{resourceId} - List the tags of one resource */
  listResourceTags: {
    anonymous: false;
    params: { resourceId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Tag[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** DELETE /tag/v1/tags/resources/{resourceId}/keys/{key} - Detach one tag key from one resource */
  deleteResourceTag: {
    anonymous: false;
    params: { resourceId: string; key: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      204: undefined;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/regions - List the regions of the tenant */
  listVmRegions: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmRegion[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/regions/{regionId} - Read one region */
  getVmRegion: {
    anonymous: false;
    params: { regionId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmRegion;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/availability_zones - List the availability zones */
  listVmAvailabilityZones: {
    anonymous: false;
    params: Record<string, never>;
    query: { regionId?: string };
    body: undefined;
    responses: {
      200: VmAvailabilityZone[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/availability_zones/{availabilityZoneId} - Read one availability zone */
  getVmAvailabilityZone: {
    anonymous: false;
    params: { availabilityZoneId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmAvailabilityZone;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/instance_families - List the instance families */
  listVmInstanceFamilies: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmInstanceFamily[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/instance_families/{familyId} - Read one instance family */
  getVmInstanceFamily: {
    anonymous: false;
    params: { familyId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmInstanceFamily;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/flavors - List the predefined vCPU/RAM pairs */
  listVmFlavors: {
    anonymous: false;
    params: Record<string, never>;
    query: { familyId?: string };
    body: undefined;
    responses: {
      200: VmFlavorList;
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/storage_types - List the storage types */
  listVmStorageTypes: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmStorageTypeList;
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/templates - List the operating system templates */
  listVmTemplates: {
    anonymous: false;
    params: Record<string, never>;
    query: { instanceFamilyId?: string; availabilityZoneId?: string };
    body: undefined;
    responses: {
      200: VmTemplate[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/templates/{templateId} - Read one template */
  getVmTemplate: {
    anonymous: false;
    params: { templateId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmTemplate;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/backup_policies - List the backup policies */
  listVmBackupPolicies: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmBackupPolicy[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/networks - List the networks an adapter can attach to */
  listVmNetworks: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmNetwork[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/networks/{networkId} - Read one network */
  getVmNetwork: {
    anonymous: false;
    params: { networkId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmNetwork;
      400: Error;
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/quotas - Read the quota and usage of the tenant of the JWT */
  getVmQuota: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmQuota;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/tasks - List diagnostic tasks of the tenant */
  listVmTasks: {
    anonymous: false;
    params: Record<string, never>;
    query: { limit?: number };
    body: undefined;
    responses: {
      200: VmTask[];
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/tasks/{taskId} - Read one diagnostic task */
  getVmTask: {
    anonymous: false;
    params: { taskId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmTask;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId}/tasks - List diagnostic tasks of one virtual machine */
  listVmTasksOfVirtualMachine: {
    anonymous: false;
    params: { vmId: string };
    query: { limit?: number };
    body: undefined;
    responses: {
      200: VmTask[];
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines - List the virtual machines, paged */
  listVirtualMachines: {
    anonymous: false;
    params: Record<string, never>;
    query: {
      limit?: number;
      offset: number;
      name?: string;
      status?: string;
      availabilityZoneId?: string;
      familyId?: string;
      orderBy?: 'name' | 'createdAt' | 'updatedAt' | 'status' | 'vcpu' | 'ramGb';
      orderDir?: 'asc' | 'desc';
    };
    body: undefined;
    responses: {
      200: VirtualMachineList;
      400: Error;
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** POST /vm_instances/v1/virtual_machines - Create a virtual machine from a template */
  createVirtualMachine: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: CreateVirtualMachineRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId} - Read one virtual machine */
  getVirtualMachine: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VirtualMachine;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** PATCH /vm_instances/v1/virtual_machines/{vmId} - Change the name and/or the backup policy */
  updateVirtualMachineMetadata: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: UpdateVirtualMachineRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** DELETE /vm_instances/v1/virtual_machines/{vmId} - Delete a virtual machine with everything it owns */
  deleteVirtualMachine: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      201: undefined;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /vm_instances/v1/virtual_machines/{vmId}/resize - Change vCPU and/or RAM */
  resizeVirtualMachine: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: ResizeVirtualMachineRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /vm_instances/v1/virtual_machines/{vmId}/start - Power a virtual machine on */
  startVirtualMachine: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      201: undefined;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /vm_instances/v1/virtual_machines/{vmId}/stop - Power a virtual machine off */
  stopVirtualMachine: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      201: undefined;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId}/disks - List every disk of a virtual machine */
  listVirtualMachineDisks: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmDiskList;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /vm_instances/v1/virtual_machines/{vmId}/disks - Add a data disk */
  createVirtualMachineDisk: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: CreateVmDiskRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /vm_instances/v1/virtual_machines/{vmId}/disks/extend - Grow the system (primary) disk */
  extendVirtualMachineSystemDisk: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: ExtendVmDiskRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId}/disks/{diskId} - Read one disk */
  getVirtualMachineDisk: {
    anonymous: false;
    params: { vmId: string; diskId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmDisk;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** DELETE /vm_instances/v1/virtual_machines/{vmId}/disks/{diskId} - Remove a data disk */
  deleteVirtualMachineDisk: {
    anonymous: false;
    params: { vmId: string; diskId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      201: undefined;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /vm_instances/v1/virtual_machines/{vmId}/disks/{diskId}/extend - Grow one data disk */
  extendVirtualMachineDisk: {
    anonymous: false;
    params: { vmId: string; diskId: string };
    query: Record<string, never>;
    body: ExtendVmDiskRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId}/network_adapters - List every network adapter of a virtual machine */
  listVirtualMachineNetworkAdapters: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmNetworkAdapterList;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /vm_instances/v1/virtual_machines/{vmId}/network_adapters - Attach a network adapter */
  createVirtualMachineNetworkAdapter: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: CreateVmNetworkAdapterRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId}/network_adapters/{networkAdapterId} - Read one network adapter */
  getVirtualMachineNetworkAdapter: {
    anonymous: false;
    params: { vmId: string; networkAdapterId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmNetworkAdapter;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** PATCH /vm_instances/v1/virtual_machines/{vmId}/network_adapters/{networkAdapterId} - Move an adapter to another network and/or static address */
  changeVirtualMachineNetworkAdapterNetwork: {
    anonymous: false;
    params: { vmId: string; networkAdapterId: string };
    query: Record<string, never>;
    body: ChangeVmNetworkAdapterRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** DELETE /vm_instances/v1/virtual_machines/{vmId}/network_adapters/{networkAdapterId} - Detach a network adapter */
  deleteVirtualMachineNetworkAdapter: {
    anonymous: false;
    params: { vmId: string; networkAdapterId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      201: undefined;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId}/snapshots - List every snapshot of a virtual machine */
  listVirtualMachineSnapshots: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmSnapshotList;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** POST /vm_instances/v1/virtual_machines/{vmId}/snapshots - Take a snapshot */
  createVirtualMachineSnapshot: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: CreateVmSnapshotRequest;
    responses: {
      201: undefined;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId}/snapshots/{snapshotId} - Read one snapshot */
  getVirtualMachineSnapshot: {
    anonymous: false;
    params: { vmId: string; snapshotId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmSnapshot;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** DELETE /vm_instances/v1/virtual_machines/{vmId}/snapshots/{snapshotId} - Delete a snapshot */
  deleteVirtualMachineSnapshot: {
    anonymous: false;
    params: { vmId: string; snapshotId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      201: undefined;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId}/serial - Read the serial console output that is kept */
  getVirtualMachineSerial: {
    anonymous: false;
    params: { vmId: string };
    query: { offset?: number };
    body: undefined;
    responses: {
      200: string;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /vm_instances/v1/virtual_machines/{vmId}/guest - Read what the guest reports about itself, with the tools intervals of TOL-05 */
  getVirtualMachineGuest: {
    anonymous: false;
    params: { vmId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: VmGuest;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
  /** GET /activity/v1/activities/{activityId}/wait - Wait until an activity is terminal */
  waitActivity: {
    anonymous: false;
    params: { activityId: string };
    query: { timeoutSeconds: number };
    body: undefined;
    responses: {
      200: Activity;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
      429: Error;
    };
  };
}
