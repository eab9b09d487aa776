// Generated from contract/agents/array.yaml by tools/generate.ts. Do not edit.

export interface Problem {
  code: string;
  message: string;
}

export interface Array {
  id: string;
  name: string;
  version: string;
  driver: 'qsd' | 'simulated';
  /** Physical bytes this array may use. */
  capacityBytes: number;
  /** Physical bytes still free on the medium. */
  freeBytes: number;
  startedAt: string;
  healthy: boolean;
  problems: string[];
}

export interface PoolSpec {
  storageClass: string;
  sizeBytes: number;
  /** STO-08; null = none (mass storage). */
  iopsLimit: number | null;
  bandwidthLimitBytes?: number | null;
  /** LUKS AES-256-XTS; the key file lies outside the data folder. */
  encrypted: boolean;
}

export interface Pool {
  storageClass: string;
  sizeBytes: number;
  iopsLimit: number | null;
  bandwidthLimitBytes?: number | null;
  encrypted: boolean;
  id: string;
  /** Sum of the sizes of its volumes. */
  allocatedBytes: number;
  /** Bytes on the medium, snapshots included. */
  usedBytes: number;
  volumeCount: number;
  healthy: boolean;
}

export interface ImageSpec {
  /** Path readable by the agent. */
  sourcePath: string;
  format: 'qcow2' | 'raw';
  sha256: string;
}

export interface Image {
  id: string;
  sizeBytes: number;
  virtualSizeBytes: number;
}

export interface VolumeSpec {
  poolId: string;
  sizeBytes: number;
  /** Base image, copy on write. */
  imageId?: string | null;
}

export interface Volume {
  id: string;
  poolId: string;
  sizeBytes: number;
  usedBytes: number;
  imageId: string | null;
  nbd: {
    socketPath?: string;
    host?: string;
    port?: number;
    export: string;
  };
  snapshotIds: string[];
}

export interface Snapshot {
  id: string;
  volumeIds: string[];
  createdAt: string;
  usedBytes: number;
}

/** Every operation: what it takes and what it answers per status. */
export interface Operations {
  /** GET /v1/array - What this array is and how it fares */
  getArray: {
    anonymous: true;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Array;
    };
  };
  /** GET /v1/pools - Every pool */
  listPools: {
    anonymous: true;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Pool[];
    };
  };
  /** GET /v1/pools/{poolId} - One pool */
  getPool: {
    anonymous: true;
    params: { poolId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Pool;
      404: Problem;
    };
  };
  /** PUT /v1/pools/{poolId} - Make this pool so (create, grow, change the limit) */
  putPool: {
    anonymous: true;
    params: { poolId: string };
    query: Record<string, never>;
    body: PoolSpec;
    responses: {
      200: Pool;
      409: Problem;
      422: Problem;
      507: Problem;
    };
  };
  /** DELETE /v1/pools/{poolId} - Remove an empty pool */
  deletePool: {
    anonymous: true;
    params: { poolId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      204: undefined;
      409: Problem;
    };
  };
  /** PUT /v1/images/{imageId} - Have this image at hand as a read-only copy-on-write base */
  putImage: {
    anonymous: true;
    params: { imageId: string };
    query: Record<string, never>;
    body: ImageSpec;
    responses: {
      200: Image;
      422: Problem;
      507: Problem;
    };
  };
  /** DELETE /v1/images/{imageId} - Forget an image; 409 while a volume is based on it */
  deleteImage: {
    anonymous: true;
    params: { imageId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      204: undefined;
      409: Problem;
    };
  };
  /** GET /v1/volumes - Every volume of every pool */
  listVolumes: {
    anonymous: true;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Volume[];
    };
  };
  /** GET /v1/volumes/{volumeId} - One volume */
  getVolume: {
    anonymous: true;
    params: { volumeId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Volume;
      404: Problem;
    };
  };
  /** PUT /v1/volumes/{volumeId} - Make this volume so (create, from an image or empty; grow; export) */
  putVolume: {
    anonymous: true;
    params: { volumeId: string };
    query: Record<string, never>;
    body: VolumeSpec;
    responses: {
      200: Volume;
      404: Problem;
      409: Problem;
      422: Problem;
      507: Problem;
    };
  };
  /** DELETE /v1/volumes/{volumeId} - Delete a volume with its snapshots, whoever is connected; 204 also when there is none */
  deleteVolume: {
    anonymous: true;
    params: { volumeId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      204: undefined;
    };
  };
  /** GET /v1/snapshots - Every snapshot */
  listSnapshots: {
    anonymous: true;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Snapshot[];
    };
  };
  /** GET /v1/snapshots/{snapshotId} - One snapshot */
  getSnapshot: {
    anonymous: true;
    params: { snapshotId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Snapshot;
      404: Problem;
    };
  };
  /** PUT /v1/snapshots/{snapshotId} - Snapshot several volumes at one instant */
  putSnapshot: {
    anonymous: true;
    params: { snapshotId: string };
    query: Record<string, never>;
    body: {
      volumeIds: string[];
    };
    responses: {
      200: Snapshot;
      404: Problem;
      409: Problem;
      507: Problem;
    };
  };
  /** DELETE /v1/snapshots/{snapshotId} - Delete the snapshot on all its volumes; 204 also when there is none */
  deleteSnapshot: {
    anonymous: true;
    params: { snapshotId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      204: undefined;
    };
  };
}
