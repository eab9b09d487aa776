/** Every operation on instances, by kind. The fault helper runs them all; one missing here cannot be started. */
import type { Operation } from '../../workflow/operation.ts';
import { changeAdapter, createAdapter, deleteAdapter } from './adapter.ts';
import { resizeInstance, updateInstance } from './change.ts';
import { createInstance } from './create.ts';
import { deleteInstance } from './delete.ts';
import { createDisk, deleteDisk, extendDisk } from './disk.ts';
import type { InstanceParts } from './parts.ts';
import { startInstance, stopInstance } from './power.ts';
import { createSnapshot, deleteSnapshot } from './snapshot.ts';

export const instanceOperations: ReadonlyMap<string, Operation<InstanceParts>> = new Map(
  [
    createInstance,
    startInstance,
    stopInstance,
    updateInstance,
    resizeInstance,
    deleteInstance,
    createDisk,
    extendDisk,
    deleteDisk,
    createAdapter,
    changeAdapter,
    deleteAdapter,
    createSnapshot,
    deleteSnapshot,
  ].map((operation) => [operation.kind, operation]),
);
