/** From rows to what a host-agent takes (contract/agents/host.yaml). */
import type { MachineSpec } from '#contract/generated/agent-host.ts';
import { hostName } from '#libs/dns/host-name.ts';
import type { WantedRow } from './wanted-store.ts';

const mibPerGb = 1024;
const bytesPerGib = 1024 ** 3;
/** How long a guest may take to shut down by itself before its power is cut. */
const stopGraceSeconds = 30;
const crashRestartsPerHour = 5;

/** The whole wanted state of a machine. */
export function machineSpec(row: WantedRow): MachineSpec {
  return {
    generation: row.generation,
    name: row.name,
    power: row.power,
    stopGraceSeconds,
    vcpus: row.vcpu,
    memoryMib: row.ramGb * mibPerGb,
    // INS-03: Performance has its own cores, the other families share them by weight.
    cpu: row.dedicated ? { policy: 'dedicated' } : { policy: 'shared', weight: row.cpuWeight },
    ...(row.hasSeed ? { cloudInit: seed(row) } : {}),
    disks: row.disks.map((disk) => ({
      volumeId: disk.id,
      position: disk.position,
      serial: diskSerial(disk.id),
      sizeBytes: disk.sizeGib * bytesPerGib,
      nbd: disk.nbd,
    })),
    adapters: row.adapters.map((adapter) => ({
      adapterId: adapter.id,
      portName: adapter.id,
      macAddress: adapter.macAddress,
      deviceIndex: adapter.deviceIndex,
      mtu: adapter.mtu,
    })),
    restart: { policy: 'on_crash', maxPerHour: crashRestartsPerHour },
  };
}

/** What the guest sees as the disk's serial: virtio-blk has room for 20 characters, and the tail of a UUIDv7 is its random part. */
export function diskSerial(volumeId: string): string {
  return volumeId.replaceAll('-', '').slice(-20);
}

/** NoCloud data: the host name is the machine's name made fit for DNS (RFC 1123), unless the user's data sets another. */
function seed(row: WantedRow): NonNullable<MachineSpec['cloudInit']> {
  const metaData = `instance-id: ${row.id}\nlocal-hostname: ${hostName(row.name)}\n`;
  return {
    metaData,
    ...(row.userData === null ? {} : { userData: row.userData }),
    ...(row.networkConfig === null ? {} : { networkConfig: row.networkConfig }),
  };
}
