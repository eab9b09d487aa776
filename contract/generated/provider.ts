// Generated from contract/provider by tools/generate.ts. Do not edit.

export interface Error {
  code: string;
  message: string;
  requestId: string;
  [member: string]: unknown;
}

export interface AuthenticateOperatorRequest {
  /** Id of the provider token. */
  id: string;
  /** Secret given once when the token was made. */
  secret: string;
}

export interface OperatorSession {
  /** Compact JWT. */
  token: string;
  expiresAt: string;
}

export interface Health {
  status: 'ok' | 'unavailable';
  /** Process name, for example control-1. */
  name: string;
  version: string;
  problems?: string[];
}

/** Capacity and what is promised of it. */
export interface Reservation {
  total: number;
  reserved: number;
}

export interface ProviderHost {
  id: string;
  name: string;
  zoneId: string;
  zoneName: string;
  status: 'up' | 'down' | 'unknown';
  maintenance: boolean;
  maintenanceReason: string | null;
  vcpu: Reservation;
  memoryMib: Reservation;
  machineCount: number;
  lastSeenAt: string | null;
  problems: string[];
}

export interface SetHostMaintenanceRequest {
  maintenance: boolean;
  reason?: string;
}

export interface ProviderPool {
  id: string;
  name: string;
  storageClass: string;
  sizeGib: number;
  /** STO-08. */
  iopsLimit: number | null;
  encrypted: boolean;
  reservedGib: number;
  volumeCount: number;
}

export interface ProviderArray {
  id: string;
  name: string;
  zoneId: string;
  zoneName: string;
  status: 'up' | 'down' | 'unknown';
  capacityBytes: number;
  lastSeenAt: string | null;
  problems: string[];
  pools: ProviderPool[];
}

/** One version of an image (IMG-04). */
export interface ProviderImage {
  /** Template id that tenants see. */
  id: string;
  versionId: string;
  name: string;
  kind: 'official' | 'partner' | 'custom' | 'test';
  version: string;
  /** SHA-256. */
  checksum: string;
  releaseDate: string;
  toolsVersion: string | null;
  /** Lineage. */
  parentVersionId: string | null;
  /** Virtual size. */
  sizeBytes: number;
  published: boolean;
}

export interface PublishImageRequest {
  versionId: string;
}

export interface ZoneCapacity {
  zoneId: string;
  zoneName: string;
  vcpu: Reservation;
  memoryMib: Reservation;
  storageGib: Reservation;
}

export interface Capacity {
  zones: ZoneCapacity[];
}

export interface Quota {
  vcpuLimit: number;
  /** 1024 per GB of VM memory. */
  ramLimitMb: number;
  storageLimitGb: number;
}

/** Every operation: what it takes and what it answers per status. */
export interface Operations {
  /** POST /provider/v1/auth/token - Exchange a provider token for a JWT */
  authenticateOperator: {
    anonymous: true;
    params: Record<string, never>;
    query: Record<string, never>;
    body: AuthenticateOperatorRequest;
    responses: {
      200: OperatorSession;
      400: Error;
      401: Error;
    };
  };
  /** GET /healthz - Say whether this process serves */
  getHealth: {
    anonymous: true;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Health;
      503: Health;
    };
  };
  /** GET /metrics - Counters and timings of this process in the Prometheus text format */
  getMetrics: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: string;
      401: Error;
      403: Error;
    };
  };
  /** GET /provider/v1/hosts - List the hosts with what they hold and how they fare */
  listHosts: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: ProviderHost[];
      401: Error;
      403: Error;
    };
  };
  /** PUT /provider/v1/hosts/{hostId}/maintenance - Put a host into maintenance or back; nothing new is placed on it meanwhile */
  setHostMaintenance: {
    anonymous: false;
    params: { hostId: string };
    query: Record<string, never>;
    body: SetHostMaintenanceRequest;
    responses: {
      200: ProviderHost;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
    };
  };
  /** GET /provider/v1/arrays - List the storage arrays with their pools */
  listArrays: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: ProviderArray[];
      401: Error;
      403: Error;
    };
  };
  /** GET /provider/v1/images - List every version of every image */
  listImages: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: ProviderImage[];
      401: Error;
      403: Error;
    };
  };
  /** POST /provider/v1/images - Offer an image version that stands in the image folder's catalogue */
  publishImage: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: PublishImageRequest;
    responses: {
      201: ProviderImage;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
    };
  };
  /** GET /provider/v1/capacity - Read what each availability zone holds and what is reserved */
  getCapacity: {
    anonymous: false;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Capacity;
      401: Error;
      403: Error;
    };
  };
  /** PUT /provider/v1/tenants/{tenantId}/quota - Set what a tenant may use at most */
  setQuota: {
    anonymous: false;
    params: { tenantId: string };
    query: Record<string, never>;
    body: Quota;
    responses: {
      200: Quota;
      400: Error;
      401: Error;
      403: Error;
      404: Error;
    };
  };
}
