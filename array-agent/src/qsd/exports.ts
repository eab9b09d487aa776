import { QmpError, QmpUnavailable } from '#libs/qmp/client.ts';
import type { QmpClient, QmpEvent } from '#libs/qmp/client.ts';
import { imageNode, volumeNode } from './names.ts';

const keyObject = 'key';
/** The throttle group of the pool; on the daemon's command line, because QMP knows no `/objects` before the first one. */
export const limitGroup = 'limit';
const closeTimeoutMs = 10_000;

/** One volume as the daemon opens it. */
export interface OpenVolume {
  readonly id: string;
  readonly file: string;
  readonly encrypted: boolean;
  readonly image: { readonly id: string; readonly file: string; readonly format: 'qcow2' | 'raw' } | undefined;
}

export interface Limits {
  /** Operations per second of all volumes together; null = none. */
  readonly iops: number | null;
  /** Bytes per second of all volumes together; null = none. */
  readonly bandwidth: number | null;
}

/** STO-08, STO-09: one throttle group for all volumes of the pool. */
export async function setLimits(qmp: QmpClient, limits: Limits): Promise<void> {
  const values = { 'iops-total': limits.iops ?? 0, 'bps-total': limits.bandwidth ?? 0 };
  await qmp.execute('qom-set', { path: `/objects/${limitGroup}`, property: 'limits', value: values });
}

/** Gives the daemon the pool's passphrase over its private socket: neither argv nor a file it could read shows it. */
export async function setKey(qmp: QmpClient, passphrase: Buffer): Promise<void> {
  const objects = await qmp.execute<{ name: string }[]>('qom-list', { path: '/objects' });
  if (objects.some(({ name }) => name === keyObject)) return;
  await qmp.execute('object-add', { 'qom-type': 'secret', id: keyObject, data: passphrase.toString('latin1') });
}

/** What the daemon has open and what it exports, by node name. */
export async function observed(qmp: QmpClient): Promise<{ nodes: Set<string>; exports: Set<string> }> {
  const [nodes, exported] = await Promise.all([
    qmp.execute<{ 'node-name': string }[]>('query-named-block-nodes', { flat: true }),
    qmp.execute<{ id: string }[]>('query-block-exports'),
  ]);
  return { nodes: new Set(nodes.map((node) => node['node-name'])), exports: new Set(exported.map(({ id }) => id)) };
}

/** Opens and exports a volume under its id; a no-op when it is. */
export async function openVolume(qmp: QmpClient, volume: OpenVolume): Promise<void> {
  const node = volumeNode(volume.id);
  if (volume.image !== undefined) await openImage(qmp, volume.image);
  await unlessThere(qmp, { node }, () => qmp.execute('blockdev-add', volumeOptions(volume)));
  await exportVolume(qmp, volume.id);
}

async function exportVolume(qmp: QmpClient, volumeId: string): Promise<void> {
  const node = volumeNode(volumeId);
  await unlessThere(qmp, { export: node }, () =>
    qmp.execute('block-export-add', { type: 'nbd', id: node, 'node-name': node, name: volumeId, writable: true }),
  );
}

function volumeOptions(volume: OpenVolume): object {
  return {
    driver: 'throttle',
    'node-name': volumeNode(volume.id),
    'throttle-group': limitGroup,
    discard: 'unmap',
    file: {
      driver: 'qcow2',
      discard: 'unmap',
      'detect-zeroes': 'unmap',
      backing: volume.image === undefined ? null : imageNode(volume.image.id),
      ...(volume.encrypted ? { encrypt: { format: 'luks', 'key-secret': keyObject } } : {}),
      file: { driver: 'file', filename: volume.file, discard: 'unmap', aio: 'threads' },
    },
  };
}

async function openImage(qmp: QmpClient, image: NonNullable<OpenVolume['image']>): Promise<void> {
  const node = imageNode(image.id);
  await unlessThere(qmp, { node }, () =>
    qmp.execute('blockdev-add', {
      driver: image.format,
      'node-name': node,
      'read-only': true,
      file: { driver: 'file', filename: image.file, 'read-only': true },
    }),
  );
}

/** Does it; a refusal does not matter when the thing is there, made by an earlier attempt or by another volume. */
async function unlessThere(qmp: QmpClient, thing: Thing, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof QmpError) || !(await isThere(qmp, thing))) throw error;
  }
}

/** A node or an export of the daemon, by its name. */
type Thing = { readonly node: string } | { readonly export: string };

async function isThere(qmp: QmpClient, thing: Thing): Promise<boolean> {
  const { nodes, exports } = await observed(qmp);
  return 'node' in thing ? nodes.has(thing.node) : exports.has(thing.export);
}

/** Takes a volume from its users, whoever is connected, and closes its file. A no-op when it is not open. */
export async function closeVolume(qmp: QmpClient, node: string): Promise<void> {
  await unexport(qmp, node);
  try {
    await qmp.execute('blockdev-del', { 'node-name': node });
  } catch (error) {
    if (!(error instanceof QmpError) || (await isThere(qmp, { node }))) throw error;
  }
}

/** Closes an image that no volume stands on any more; one still in use stays. */
export async function closeImage(qmp: QmpClient, imageId: string): Promise<void> {
  await qmp.execute('blockdev-del', { 'node-name': imageNode(imageId) }).catch((error: unknown) => {
    if (!(error instanceof QmpError)) throw error;
  });
}

async function unexport(qmp: QmpClient, node: string): Promise<void> {
  const gone = eventOf(qmp, ({ event, data }) => event === 'BLOCK_EXPORT_DELETED' && data['id'] === node);
  try {
    await qmp.execute('block-export-del', { id: node, mode: 'hard' });
    await gone.seen;
  } catch (error) {
    if (!(error instanceof QmpError) || (await isThere(qmp, { export: node }))) throw error;
  } finally {
    gone.ignore();
  }
}

/**
 * Grows an open volume. An NBD export of QEMU forbids its node to change size and tells clients the size only as they
 * connect, so the export goes away for an instant: QEMU's clients re-connect by themselves (`reconnect-delay`) and lose
 * nothing, their requests wait.
 */
export async function growVolume(qmp: QmpClient, volumeId: string, sizeBytes: number): Promise<void> {
  const node = volumeNode(volumeId);
  await unexport(qmp, node);
  try {
    await qmp.execute('block_resize', { 'node-name': node, size: sizeBytes });
  } finally {
    await exportVolume(qmp, volumeId);
  }
}

/** One internal snapshot on each of the volumes, all at one instant. @throws QmpError with none taken */
export async function takeSnapshot(qmp: QmpClient, volumeIds: readonly string[], name: string): Promise<void> {
  await qmp.execute('transaction', {
    actions: volumeIds.map((id) => ({
      type: 'blockdev-snapshot-internal-sync',
      data: { device: volumeNode(id), name },
    })),
  });
}

/** Removes an internal snapshot; a no-op when the volume has none of that name. */
export async function dropSnapshot(qmp: QmpClient, volumeId: string, name: string): Promise<void> {
  try {
    await qmp.execute('blockdev-snapshot-delete-internal-sync', { device: volumeNode(volumeId), name });
  } catch (error) {
    if (!(error instanceof QmpError) || (await snapshotNames(qmp, volumeId)).includes(name)) throw error;
  }
}

/** The internal snapshots of an open volume. */
export async function snapshotNames(qmp: QmpClient, volumeId: string): Promise<string[]> {
  const nodes = await qmp.execute<{ 'node-name': string; image: { snapshots?: { name: string }[] } }[]>(
    'query-named-block-nodes',
    { flat: true },
  );
  const node = nodes.find((each) => each['node-name'] === volumeNode(volumeId));
  return (node?.image.snapshots ?? []).map(({ name }) => name);
}

function eventOf(qmp: QmpClient, matches: (event: QmpEvent) => boolean): { seen: Promise<void>; ignore: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Whoever does not come to wait for it has a better error already.
  promise.catch(() => undefined);
  const onEvent = (event: QmpEvent): void => {
    if (matches(event)) resolve();
  };
  const onClose = (): void => reject(new QmpUnavailable('the storage daemon ended'));
  const timer = setTimeout(() => reject(new QmpUnavailable('the export was not closed in time')), closeTimeoutMs);
  qmp.on('event', onEvent);
  qmp.once('close', onClose);
  const ignore = (): void => {
    clearTimeout(timer);
    qmp.off('event', onEvent);
    qmp.off('close', onClose);
    resolve();
  };
  return { seen: promise, ignore };
}
