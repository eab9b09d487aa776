import { ADAPTER_PORTS, adapterBackend, adapterDevice, DISK_PORTS, diskBackend, diskDevice } from './hardware.ts';
import type { Hardware } from './hardware.ts';
import type { MachinePaths } from './machine-paths.ts';

export type Accelerator = 'kvm' | 'tcg';

/** What is needed to write down how one QEMU is started. */
export interface Launch {
  readonly machineId: string;
  readonly accelerator: Accelerator;
  readonly hardware: Hardware;
  readonly paths: MachinePaths;
  readonly hasSeed: boolean;
  readonly tapName: (adapterId: string) => string;
}

/** Translated code of a guest under TCG at most: the default, 1 GiB a guest, is what a host of many guests runs out of. */
export const TCG_CODE_MIB = 256;

/** The name by which a guest's agent finds its channel (QEMU guest agent's default). */
const GUEST_AGENT_PORT = 'org.qemu.guest_agent.0';

/** The board's own devices take the slots up to 7; root ports go behind them, eight functions to a slot. */
const FIRST_PORT_SLOT = 0x10;

/**
 * QEMU's arguments for a machine. It holds no text that a tenant chose, and every structured value goes as JSON, so that no comma can
 * add an option.
 */
export function commandLine(launch: Launch): string[] {
  const { machineId, accelerator, hardware, paths } = launch;
  const vcpus = String(hardware.vcpus);
  return [
    ...['-name', `guest=${machineId},debug-threads=on`, '-uuid', machineId, '-no-user-config', '-nodefaults'],
    ...['-smbios', `type=1,manufacturer=Bastide,product=Bastide VM,uuid=${machineId},serial=${machineId}`],
    ...['-machine', 'q35,graphics=on,usb=off,vmport=off,hpet=off'],
    ...(accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', `tcg,thread=multi,tb-size=${TCG_CODE_MIB}`, '-cpu', 'max']),
    ...['-smp', `${vcpus},sockets=1,cores=${vcpus},threads=1`, '-m', `${hardware.memoryMib}M`],
    ...['-rtc', 'base=utc', '-boot', 'strict=on', '-msg', 'timestamp=on'],
    // A guest that powers itself off leaves QEMU standing, so that an agent that was away can still tell it from a crash.
    ...['-no-shutdown'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-display', 'none', '-vnc', `unix:${escaped(paths.vnc)}`, '-device', 'VGA,id=video,vgamem_mb=8'],
    ...['-chardev', listening('monitor', paths.qmp), '-mon', 'chardev=monitor,mode=control'],
    ...[
      '-chardev',
      `${listening('serial', paths.serial)},logfile=${escaped(paths.serialLog)},logappend=on`,
      '-serial',
      'chardev:serial',
    ],
    ...['-device', 'virtio-serial-pci,id=channels', '-chardev', listening('qga', paths.qga)],
    ...['-device', `virtserialport,bus=channels.0,nr=1,chardev=qga,id=tools,name=${GUEST_AGENT_PORT}`],
    ...['-object', 'rng-random,id=entropy,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=entropy'],
    ...['-device', 'virtio-balloon-pci,free-page-reporting=on'],
    ...ports('dp', DISK_PORTS, 0),
    ...ports('np', ADAPTER_PORTS, DISK_PORTS),
    ...hardware.disks.flatMap((disk) => [
      '-blockdev',
      JSON.stringify(diskBackend(disk)),
      '-device',
      JSON.stringify(diskDevice(disk)),
    ]),
    ...(launch.hasSeed ? seed(paths) : []),
    ...hardware.adapters.flatMap((adapter) => [
      ...['-netdev', keyed(adapterBackend(adapter, launch.tapName(adapter.adapterId)))],
      ...['-device', JSON.stringify(adapterDevice(adapter))],
    ]),
  ];
}

function ports(prefix: string, count: number, offset: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const number = offset + index;
    const address = `${(FIRST_PORT_SLOT + (number >> 3)).toString(16)}.${number & 7}`;
    return [
      '-device',
      `pcie-root-port,id=${prefix}${index},bus=pcie.0,addr=${address},multifunction=on,chassis=${number + 1}`,
    ];
  }).flat();
}

function seed(paths: MachinePaths): string[] {
  const node = {
    driver: 'raw',
    'node-name': 'seed',
    'read-only': true,
    file: { driver: 'file', filename: paths.seed },
  };
  // Behind the last port: Linux looks at the root bus before the ports, and the system disk is to be the first it names.
  const device = { driver: 'virtio-blk-pci', id: 'seed', drive: 'seed', serial: 'cidata', bus: 'sp0' };
  const port = ports('sp', 1, DISK_PORTS + ADAPTER_PORTS);
  return [...port, '-blockdev', JSON.stringify(node), '-device', JSON.stringify(device)];
}

function listening(id: string, path: string): string {
  return `socket,id=${id},path=${escaped(path)},server=on,wait=off`;
}

/** A path in QEMU's key=value syntax. */
function escaped(path: string): string {
  return path.replaceAll(',', ',,');
}

/** -netdev reads no JSON in QEMU 7.2. All values are ours. */
function keyed({ type, ...rest }: Record<string, unknown>): string {
  const text = (value: unknown): string => (typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value));
  return [String(type), ...Object.entries(rest).map(([key, value]) => `${key}=${text(value)}`)].join(',');
}
