/** Comparison of what should be with what is, without any I/O. Each finding is one line for an operator. */
import type { Volume } from '#contract/generated/agent-array.ts';
import type { Machine } from '#contract/generated/agent-host.ts';

export interface ExpectedMachine {
  readonly id: string;
  readonly name: string;
  readonly hostId: string | null;
  readonly status: string;
  readonly generation: number;
  readonly busy: boolean;
}

export interface ExpectedVolume {
  readonly id: string;
  readonly machineId: string;
  readonly arrayId: string | null;
  readonly sizeBytes: number;
  readonly busy: boolean;
}

export interface ExpectedSnapshot {
  readonly id: string;
  readonly volumeIds: string[];
  readonly busy: boolean;
}

export interface ExpectedPort {
  readonly id: string;
  readonly networkId: string;
  readonly busy: boolean;
}

/** What one agent holds; null when it could not be asked. */
export interface Held<T> {
  readonly agentId: string;
  readonly name: string;
  readonly things: readonly T[] | null;
}

type Grave = (kind: string, id: string) => boolean;

export function compareMachines(
  expected: readonly ExpectedMachine[],
  hosts: readonly Held<Machine>[],
  buried: Grave,
): string[] {
  const byId = new Map(expected.map((machine) => [machine.id, machine]));
  const found = new Set<string>();
  const problems: string[] = [];
  for (const host of hosts) {
    if (host.things === null) {
      problems.push(`host ${host.name} does not answer`);
      for (const machine of expected) if (machine.hostId === host.agentId) found.add(machine.id);
      continue;
    }
    for (const machine of host.things) {
      const wanted = byId.get(machine.id);
      if (wanted === undefined) {
        if (!buried('machine', machine.id))
          problems.push(`host ${host.name} holds machine ${machine.id}, which nobody owns`);
        continue;
      }
      if (wanted.busy) found.add(machine.id);
      else if (wanted.hostId !== host.agentId)
        problems.push(`host ${host.name} holds machine ${machine.id}, which lives on another host`);
      else {
        found.add(machine.id);
        const power = machine.power === 'on' ? 'running' : 'stopped';
        if (wanted.status !== power)
          problems.push(`machine ${machine.id} is ${power} on host ${host.name} and ${wanted.status} in the database`);
        if (machine.generation > wanted.generation)
          problems.push(
            `machine ${machine.id} has generation ${String(machine.generation)} on host ${host.name}, beyond the database's ${String(wanted.generation)}`,
          );
      }
    }
  }
  for (const machine of expected)
    if (!found.has(machine.id) && !machine.busy) problems.push(`machine ${machine.id} (${machine.name}) is on no host`);
  return problems;
}

export function compareVolumes(
  expected: { volumes: readonly ExpectedVolume[]; snapshots: readonly ExpectedSnapshot[] },
  arrays: readonly Held<Volume>[],
  buried: Grave,
): string[] {
  const volumes = new Map(expected.volumes.map((volume) => [volume.id, volume]));
  const snapshots = new Map(expected.snapshots.map((snapshot) => [snapshot.id, snapshot]));
  const found = new Map<string, Volume>();
  const silent = new Set(arrays.filter((array) => array.things === null).map((array) => array.agentId));
  const problems: string[] = [];
  for (const array of arrays) {
    if (array.things === null) problems.push(`array ${array.name} does not answer`);
    for (const volume of array.things ?? []) {
      found.set(volume.id, volume);
      const wanted = volumes.get(volume.id);
      if (wanted === undefined) {
        if (!buried('volume', volume.id))
          problems.push(`array ${array.name} holds volume ${volume.id}, which nobody owns`);
        continue;
      }
      // Larger is what an extension that failed half-way leaves; the next one goes on from there.
      if (!wanted.busy && volume.sizeBytes < wanted.sizeBytes)
        problems.push(`volume ${volume.id} on array ${array.name} is smaller than the database says`);
      for (const id of volume.snapshotIds)
        if (!snapshots.has(id) && !wanted.busy && !buried('snapshot', id))
          problems.push(`array ${array.name} holds snapshot ${id}, which nobody owns`);
    }
  }
  for (const volume of expected.volumes)
    if (!volume.busy && !found.has(volume.id) && (volume.arrayId === null || !silent.has(volume.arrayId)))
      problems.push(`volume ${volume.id} of machine ${volume.machineId} is on no array`);
  for (const snapshot of expected.snapshots) {
    const missing = snapshot.volumeIds.filter((id) => found.get(id)?.snapshotIds.includes(snapshot.id) === false);
    if (!snapshot.busy && missing.length > 0)
      problems.push(`snapshot ${snapshot.id} is missing on ${String(missing.length)} of its volumes`);
  }
  return problems;
}

export function comparePorts(
  expected: readonly ExpectedPort[],
  held: readonly { readonly id: string; readonly networkId: string }[],
  buried: Grave,
): string[] {
  const wanted = new Map(expected.map((port) => [port.id, port]));
  const found = new Map(held.map((port) => [port.id, port]));
  const problems: string[] = [];
  for (const port of held)
    if (!wanted.has(port.id) && !buried('port', port.id))
      problems.push(`the data path has port ${port.id}, which nobody owns`);
  for (const port of expected) {
    if (port.busy) continue;
    const there = found.get(port.id);
    if (there === undefined) problems.push(`adapter ${port.id} has no port on the data path`);
    else if (there.networkId !== port.networkId)
      problems.push(`adapter ${port.id} is on another network in the data path`);
  }
  return problems;
}

/** Snapshots that an array keeps a record of although nothing knows them: their volumes may be gone already. */
export function straySnapshots(
  expected: readonly ExpectedSnapshot[],
  arrays: readonly Held<{ readonly id: string }>[],
  buried: Grave,
): string[] {
  const known = new Set(expected.map(({ id }) => id));
  return arrays.flatMap(({ name, things }) =>
    (things ?? [])
      .filter(({ id }) => !known.has(id) && !buried('snapshot', id))
      .map(({ id }) => `array ${name} keeps a record of snapshot ${id}, which nobody owns`),
  );
}
