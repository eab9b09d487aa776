import type { MachineSpec } from '#contract/generated/agent-host.ts';
import { invalidSpec } from '#libs/agent-http/problem.ts';

/** What the contract's schema cannot say. @throws AgentProblem 422 `invalid_spec` */
export function checkSpec(spec: MachineSpec): void {
  unique(
    'disks',
    'position',
    spec.disks.map((disk) => disk.position),
  );
  unique(
    'disks',
    'volumeId',
    spec.disks.map((disk) => disk.volumeId),
  );
  unique(
    'disks',
    'serial',
    spec.disks.map((disk) => disk.serial),
  );
  unique(
    'adapters',
    'adapterId',
    spec.adapters.map((adapter) => adapter.adapterId),
  );
  unique(
    'adapters',
    'deviceIndex',
    spec.adapters.map((adapter) => adapter.deviceIndex),
  );
  unique(
    'adapters',
    'macAddress',
    spec.adapters.map((adapter) => adapter.macAddress),
  );
  for (const [index, { nbd }] of spec.disks.entries()) {
    const at = `/disks/${index}/nbd`;
    if (nbd.socketPath === undefined)
      throw invalidSpec(at, 'needs a socketPath: NBD over TCP wants TLS, which this host is not set up for');
    if (!nbd.socketPath.startsWith('/')) throw invalidSpec(`${at}/socketPath`, 'must be absolute');
    if (nbd.host !== undefined || nbd.port !== undefined) throw invalidSpec(at, 'names both a socket and a host');
  }
  for (const [index, { macAddress }] of spec.adapters.entries()) {
    // The lowest bit of the first byte marks group addresses, which no interface can have.
    if ((Number.parseInt(macAddress.slice(0, 2), 16) & 1) === 1)
      throw invalidSpec(`/adapters/${index}/macAddress`, 'is a multicast address');
  }
}

function unique(list: string, member: string, values: readonly (string | number)[]): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw invalidSpec(`/${list}`, `has two entries with ${member} ${twice}`);
}
