import { arrayDriverContract } from '../driver-contract.ts';
import { cannotRun, openArray } from './array-for-tests.ts';

arrayDriverContract('qemu-storage-daemon', (setting) => openArray(setting), { skip: cannotRun });
