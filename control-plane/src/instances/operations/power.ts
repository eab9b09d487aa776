/** instance.start and instance.stop (INS-01). On a machine that is so already both complete as a no-op (notes §7.4). */
import { applyMachine } from '../../compute/service.ts';
import type { Operation } from '../../workflow/operation.ts';
import { eraseSeedSecrets, type MachineStatus, setPower, setStatus, settleStatus, touchMachine } from '../store.ts';
import { agentDeadlineMs, type InstanceParts, locked, rowsDeadlineMs } from './parts.ts';

interface Target {
  readonly kind: string;
  readonly power: 'on' | 'off';
  readonly passing: MachineStatus;
  readonly settled: MachineStatus;
  readonly progress: string;
}

function power(target: Target): Operation<InstanceParts> {
  return {
    kind: target.kind,
    steps: [
      {
        name: 'want',
        unrecorded: true,
        progress: target.progress,
        deadlineMs: rowsDeadlineMs,
        run: (parts, record) =>
          parts.database.relaxedTransaction(async (session) => {
            const machine = await locked(session, record.resourceId);
            // Also one that is so already gets a new generation: the host may not have been told that a guest went off by itself.
            if (machine.status === target.settled) await session.run(touchMachine, machine.id);
            else await session.run(setPower, machine.id, target.power, target.passing);
          }),
        // The machine goes back to what it was: the host is told so, in case it had begun.
        undo: async (parts, record) => {
          const changed = await parts.database.relaxedTransaction(async (session) => {
            const machine = await locked(session, record.resourceId);
            if (machine.status !== target.passing) return false;
            await session.run(
              setPower,
              machine.id,
              target.power === 'on' ? 'off' : 'on',
              target.power === 'on' ? 'stopped' : 'running',
            );
            return true;
          });
          if (changed) await applyMachine(parts, record.resourceId);
        },
      },
      {
        name: 'apply',
        progress: target.progress,
        deadlineMs: agentDeadlineMs,
        run: async (parts, record) => {
          await applyMachine(parts, record.resourceId);
        },
      },
    ],
    complete: async (session, record) => {
      await session.run(setStatus, record.resourceId, target.settled);
      // RACI-25: the seed is written on the host by now.
      if (target.power === 'on') await session.run(eraseSeedSecrets, record.resourceId);
      return { result: record.resourceId, concerned: [{ type: 'vmi', id: record.resourceId }] };
    },
    // Whatever became of the undo: no machine stays in between without an operation.
    abandon: async (session, record) => {
      await session.run(settleStatus, record.resourceId, target.passing);
    },
  };
}

export const startInstance = power({
  kind: 'instance.start',
  power: 'on',
  passing: 'starting',
  settled: 'running',
  progress: 'starting the virtual machine',
});

export const stopInstance = power({
  kind: 'instance.stop',
  power: 'off',
  passing: 'stopping',
  settled: 'stopped',
  progress: 'stopping the virtual machine',
});
