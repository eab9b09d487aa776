import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '#contract/generated/agent-host.ts';
import type { Pool, Volume } from '#contract/generated/agent-array.ts';
import { AgentClient } from '#libs/agent-http/client.ts';
import type { TlsFiles } from '#libs/tls/store.ts';
import type { Topology } from '#region/topology.ts';
import { ensureUser } from '#region/users.ts';
import type { AgentProcess } from './region-files.ts';

const gib = 1024 ** 3;

/** A real host and a real array on this machine. */
export interface RealAgentsOptions {
  /** Memory offered to machines. */
  readonly memoryMib: number;
  /** Of the one pool. */
  readonly poolGib: number;
}

/**
 * One zone with one host that runs QEMU and one array that runs qemu-storage-daemon; adapters are taps that lead nowhere.
 * Needs root. What the agents start outlives them: see `emptyAgents`.
 */
export async function realAgents(
  dir: string,
  tls: ReadonlyMap<string, TlsFiles>,
  { memoryMib, poolGib }: RealAgentsOptions,
): Promise<{ topology: Topology; processes: AgentProcess[] }> {
  const folder = (name: string): string => {
    mkdirSync(join(dir, name), { recursive: true, mode: 0o711 });
    return join(dir, name);
  };
  const run = folder('run');
  const [vm, san] = [await ensureUser('bastide-vm'), await ensureUser('bastide-san')];
  const host = {
    id: randomUUID(),
    name: 'fr1-az01-h01',
    cores: 64,
    memoryMib,
    overcommit: 4,
    endpoint: `unix:${join(run, 'h.sock')}`,
  };
  const array = {
    id: randomUUID(),
    name: 'fr1-az01-a01',
    endpoint: `unix:${join(run, 'a.sock')}`,
    capacityBytes: 2 * poolGib * gib,
  };
  const pool = {
    id: randomUUID(),
    name: 'fr1-az01-a01-standard',
    storageClass: 'standard',
    sizeGib: poolGib,
    encrypted: true,
  };
  const zone = {
    id: randomUUID(),
    name: 'fr1-az01',
    code: 'AZ05',
    site: 'PAR7S',
    hosts: [host],
    arrays: [{ ...array, pools: [pool] }],
  };
  const region = { id: randomUUID(), name: 'fr1', description: 'Test region', countryCode: 'FR', geography: 'Europe' };
  const hostConfig = {
    id: host.id,
    name: host.name,
    zone: zone.name,
    endpoint: host.endpoint,
    tls: tls.get('host'),
    stateDir: folder('host'),
    runDir: folder('run/h'),
    driver: 'qemu',
    memoryMib,
    qemu: {
      binary: '/usr/bin/qemu-system-x86_64',
      uid: vm.uid,
      gid: vm.gid,
      acceleratorCacheFile: join(dir, 'accelerator.json'),
      probeKernel: null,
    },
    ovs: null,
    cgroupRoot: `bastide-test-${process.pid}`,
  };
  const arrayConfig = {
    ...array,
    tls: tls.get('array'),
    stateDir: folder('array'),
    runDir: folder('run/a'),
    driver: 'qsd',
    keysDir: folder('keys'),
    qsd: { binary: '/usr/bin/qemu-storage-daemon', uid: san.uid, gid: san.gid, clientGid: vm.gid },
  };
  return {
    topology: { region, zones: [zone], organisations: [{ name: 'Aster', tenants: ['production'] }] },
    processes: [
      { name: 'array', main: 'array-agent/src/main.ts', config: arrayConfig },
      { name: 'host', main: 'host-agent/src/main.ts', config: hostConfig },
    ],
  };
}

/** Deletes all machines, volumes and pools, and with them every QEMU and storage daemon. The control planes must have ended. */
export async function emptyAgents(topology: Topology, tls: TlsFiles): Promise<void> {
  const timeoutMs = 60_000;
  for (const { endpoint } of topology.zones.flatMap((zone) => zone.hosts)) {
    const host = new AgentClient(endpoint, tls);
    for (const { id } of await host.get<Machine[]>('/v1/machines'))
      await host.delete(`/v1/machines/${id}`, { timeoutMs });
    host.close();
  }
  for (const { endpoint } of topology.zones.flatMap((zone) => zone.arrays)) {
    const array = new AgentClient(endpoint, tls);
    for (const { id } of await array.get<Volume[]>('/v1/volumes'))
      await array.delete(`/v1/volumes/${id}`, { timeoutMs });
    for (const { id } of await array.get<Pool[]>('/v1/pools')) await array.delete(`/v1/pools/${id}`, { timeoutMs });
    array.close();
  }
}
