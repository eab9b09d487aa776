/** SQL of a machine's whole wanted state, as its host is told. */
import { statement } from '../database/statement.ts';

export interface WantedRow {
  readonly id: string;
  readonly hostId: string | null;
  readonly generation: number;
  readonly name: string;
  readonly power: 'on' | 'off';
  readonly vcpu: number;
  readonly ramGb: number;
  readonly dedicated: boolean;
  readonly cpuWeight: number;
  readonly hasSeed: boolean;
  readonly userData: string | null;
  readonly networkConfig: string | null;
  readonly disks: {
    id: string;
    position: number;
    sizeGib: number;
    nbd: { socketPath?: string; host?: string; port?: number; export: string };
  }[];
  readonly adapters: { id: string; macAddress: string; deviceIndex: number; mtu: number }[];
}

export const loadWanted = statement<[machineId: string], WantedRow>(
  'wanted_load',
  `select m.id, m.host_id as "hostId", m.generation, m.name, m.power_wanted as power, m.vcpu, m.ram_gb as "ramGb",
     f.cpu_policy = 'dedicated' as dedicated, f.cpu_weight as "cpuWeight",
     s.machine_id is not null as "hasSeed", s.user_data as "userData", s.network_config as "networkConfig",
     coalesce((select jsonb_agg(jsonb_build_object('id', v.id, 'position', v.position, 'sizeGib', v.size_gib, 'nbd', v.nbd) order by v.position)
       from volumes v where v.machine_id = m.id and v.plugged and v.nbd is not null), '[]') as disks,
     coalesce((select jsonb_agg(jsonb_build_object('id', a.id, 'macAddress', a.mac_address, 'deviceIndex', a.device_index, 'mtu', n.mtu) order by a.device_index)
       from adapters a join networks n on n.id = a.network_id where a.machine_id = m.id and a.plugged), '[]') as adapters
   from machines m join families f on f.id = m.family_id left join machine_seeds s on s.machine_id = m.id
   where m.id = $1`,
);

/** Only when nothing newer is wanted meanwhile. */
export const raiseGeneration = statement<[machineId: string, generation: number, held: number]>(
  'wanted_raise_generation',
  `update machines set generation = greatest(generation, $3) + 1 where id = $1 and generation = $2`,
);
