/** instance.update (name, backup policy) and instance.resize (RSZ-01..03). */
import { AgentProblem, AgentUnreachable } from '#libs/agent-http/problem.ts';
import { applyMachine } from '../../compute/service.ts';
import { type Session, uniqueViolation } from '../../database/database.ts';
import { releaseHost, reserveHost } from '../../placement/service.ts';
import { type Operation, OperationFailed, type OperationRecord } from '../../workflow/operation.ts';
import { type MachinePlanRow, setMetadata, setSize } from '../store.ts';
import { releaseQuota, takeQuota } from '../usage.ts';
import { demandOf } from './create.ts';
import {
  agentDeadlineMs,
  type InstanceParts,
  locked,
  optionalNumber,
  optionalText,
  plan,
  requireStopped,
  rowsDeadlineMs,
} from './parts.ts';
import { remember, recall } from './memory.ts';
import { removeMachineFromHost } from './remove.ts';

const outcome = (record: OperationRecord): { result: string; concerned: { type: string; id: string }[] } => ({
  result: record.resourceId,
  concerned: [{ type: 'vmi', id: record.resourceId }],
});

export const updateInstance: Operation<InstanceParts> = {
  kind: 'instance.update',
  steps: [
    {
      name: 'change',
      progress: 'changing name and backup policy',
      deadlineMs: rowsDeadlineMs,
      run: async (parts, record) => {
        try {
          await parts.database.relaxedTransaction(async (session) => {
            const machine = await locked(session, record.resourceId);
            await session.run(
              setMetadata,
              machine.id,
              optionalText(record, 'name') ?? machine.name,
              optionalText(record, 'backupPolicyId') ?? machine.backupPolicyId,
            );
          });
        } catch (error) {
          if (uniqueViolation(error) === null) throw error;
          throw new OperationFailed(
            'name_taken',
            'Another virtual machine of the tenant has this name. Choose another one.',
          );
        }
      },
    },
    {
      name: 'apply',
      progress: 'telling the host',
      deadlineMs: agentDeadlineMs,
      // A name is no reason to wait for a host that is away; it is told when it is back.
      run: async (parts, record) => {
        await applyMachine(parts, record.resourceId).catch((error: unknown) => {
          if (!(error instanceof AgentUnreachable) && !(error instanceof AgentProblem)) throw error;
          parts.log.info({ err: error, machine: record.resourceId }, 'the host is told of the new name later');
        });
      },
    },
  ],
  complete: async (_session, record) => outcome(record),
  abandon: async () => {},
};

interface SizeBefore {
  readonly vcpu: number;
  readonly ramGb: number;
  readonly hostId: string;
}

export const resizeInstance: Operation<InstanceParts> = {
  kind: 'instance.resize',
  steps: [
    {
      name: 'change',
      progress: 'reserving the new size',
      deadlineMs: rowsDeadlineMs,
      run: (parts, record) => parts.database.relaxedTransaction((session) => resize(session, record)),
      undo: (parts, record) =>
        parts.database.relaxedTransaction(async (session) => {
          const before = await recall<SizeBefore>(session, record);
          if (before === null) return;
          const machine = await locked(session, record.resourceId);
          if (machine.vcpu === before.vcpu && machine.ramGb === before.ramGb) return;
          await moveReservation(session, machine, before);
        }),
    },
    {
      name: 'apply',
      progress: 'changing the size',
      deadlineMs: agentDeadlineMs,
      run: async (parts, record) => {
        await applyMachine(parts, record.resourceId);
        const before = await parts.database.asPlatform((session) => recall<SizeBefore>(session, record));
        const machine = await plan(parts, record.resourceId);
        if (before !== null && before.hostId !== machine.hostId)
          await removeMachineFromHost(parts, before.hostId, machine.id);
      },
    },
  ],
  complete: async (_session, record) => outcome(record),
  abandon: async () => {},
};

async function resize(session: Session, record: OperationRecord): Promise<void> {
  const machine = await locked(session, record.resourceId);
  requireStopped(machine, 'A change of vCPU or memory');
  if (machine.hostId === null) throw new Error(`machine ${machine.id} has no host`);
  const vcpu = optionalNumber(record, 'cpu') ?? machine.vcpu;
  const ramGb = optionalNumber(record, 'memory') ?? machine.ramGb;
  if (vcpu === machine.vcpu && ramGb === machine.ramGb) return;
  const before: SizeBefore = { vcpu: machine.vcpu, ramGb: machine.ramGb, hostId: machine.hostId };
  await remember(session, record, before);
  const more = {
    vcpu: Math.max(0, vcpu - machine.vcpu),
    ramGb: Math.max(0, ramGb - machine.ramGb),
    storageGb: 0,
    machines: 0,
  };
  const less = {
    vcpu: Math.max(0, machine.vcpu - vcpu),
    ramGb: Math.max(0, machine.ramGb - ramGb),
    storageGb: 0,
    machines: 0,
  };
  await releaseHost(session, machine.hostId, demandOf(machine));
  const demand = { ...demandOf(machine), vcpus: vcpu, memoryMib: ramGb * 1024 };
  const zone = { id: machine.zoneId, name: machine.zoneName };
  // It stays where it is when there is room; it is off, so it can as well start elsewhere.
  const hostId =
    (await reserveHost(session, { zone, ...demand, onHost: machine.hostId })) ??
    (await reserveHost(session, { zone, ...demand }));
  if (hostId !== null) await session.run(setSize, machine.id, vcpu, ramGb, hostId);
  // Everywhere hosts and pools come before the quota, so that no two transactions wait for each other.
  await takeQuota(session, machine.tenantId, more);
  await releaseQuota(session, machine.tenantId, less);
}

/** Back to the former size, on the host the machine is on now. */
async function moveReservation(session: Session, machine: MachinePlanRow, before: SizeBefore): Promise<void> {
  if (machine.hostId === null) return;
  await releaseHost(session, machine.hostId, demandOf(machine));
  const demand = { ...demandOf(machine), vcpus: before.vcpu, memoryMib: before.ramGb * 1024 };
  const zone = { id: machine.zoneId, name: machine.zoneName };
  const hostId =
    (await reserveHost(session, { zone, ...demand, onHost: before.hostId })) ??
    (await reserveHost(session, { zone, ...demand }));
  const grown = { vcpu: machine.vcpu - before.vcpu, ramGb: machine.ramGb - before.ramGb, storageGb: 0, machines: 0 };
  // A resize that gave something back may not get it again when others have taken it; the undo then counts over the limit.
  await releaseQuota(session, machine.tenantId, grown);
  if (hostId !== null) await session.run(setSize, machine.id, before.vcpu, before.ramGb, hostId);
}
