import type {
  Array as ArrayState,
  Image,
  ImageSpec,
  Pool,
  PoolSpec,
  Snapshot,
  Volume,
  VolumeSpec,
} from '#contract/generated/agent-array.ts';

/**
 * What stands behind the array contract (`contract/agents/array.yaml`). Every method is idempotent, takes desired state
 * and answers once the array has converged; concurrent calls are allowed and calls for one id run in the order they came.
 * Arguments were checked against the contract (ids are lower-case UUIDs). Refusals are `AgentProblem`s:
 *
 * | code | status | when |
 * |---|---|---|
 * | `not_found` | 404 | the pool, volume, snapshot or image named does not exist |
 * | `pool_in_use` | 409 | a pool shrinks below what is allocated, or is deleted with volumes in it |
 * | `image_in_use` | 409 | an image is deleted while a volume is based on it |
 * | `cannot_shrink` | 409 | a volume gets smaller than it is |
 * | `immutable` | 409 | a volume's pool or image, a pool's encryption, an image's content or a snapshot's volumes change |
 * | `checksum_mismatch` | 422 | an image's SHA-256 differs from the one given |
 * | `invalid_spec` | 422 | a volume smaller than its image; an image that is not self-contained or not of its format |
 * | `insufficient_space` | 507 | pools exceed the array, volumes exceed their pool (STO-13), or the medium is full |
 */
export interface ArrayDriver {
  /** What this array is and how it fares. */
  array(): Promise<ArrayState>;

  listPools(): Promise<Pool[]>;
  /** @throws AgentProblem `not_found` */
  getPool(poolId: string): Promise<Pool>;
  /** Creates, grows, shrinks or changes the limits. @throws AgentProblem `pool_in_use`, `immutable`, `insufficient_space` */
  putPool(poolId: string, spec: PoolSpec): Promise<Pool>;
  /** Also succeeds when there is none. @throws AgentProblem `pool_in_use` */
  deletePool(poolId: string): Promise<void>;

  /** @throws AgentProblem `checksum_mismatch`, `invalid_spec`, `immutable`, `insufficient_space` */
  putImage(imageId: string, spec: ImageSpec): Promise<Image>;
  /** Also succeeds when there is none. @throws AgentProblem `image_in_use` */
  deleteImage(imageId: string): Promise<void>;

  listVolumes(): Promise<Volume[]>;
  /** @throws AgentProblem `not_found` */
  getVolume(volumeId: string): Promise<Volume>;
  /**
   * Creates and exports, or grows.
   * @throws AgentProblem `not_found` (pool or image), `cannot_shrink`, `immutable`, `invalid_spec`, `insufficient_space`
   */
  putVolume(volumeId: string, spec: VolumeSpec): Promise<Volume>;
  /** With its snapshots, whoever is connected. Also succeeds when there is none. */
  deleteVolume(volumeId: string): Promise<void>;

  listSnapshots(): Promise<Snapshot[]>;
  /** @throws AgentProblem `not_found` */
  getSnapshot(snapshotId: string): Promise<Snapshot>;
  /** All volumes of one pool at one instant, pool after pool. @throws AgentProblem `not_found`, `immutable`, `insufficient_space` */
  putSnapshot(snapshotId: string, volumeIds: readonly string[]): Promise<Snapshot>;
  /** Also succeeds when there is none. */
  deleteSnapshot(snapshotId: string): Promise<void>;

  /** Stops what this process does for the array (timers, connections); volumes stay exported. */
  close(): Promise<void>;
}
