import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { formatIpv4 } from '#control/network/driver/ipv4.ts';
import type { NetworkSpec, PortSpec } from '#control/network/driver/driver.ts';
import { OvnNetworkDriver } from '#control/network/driver/ovn.ts';
import { run } from '#libs/process/run.ts';
import { startOvnCentral } from '#region/ovn.ts';
import type { Reporter } from './figures.ts';

const concurrency = 64;
const networkCount = 10;

/** Measures OVN central without hosts: ports put per second, and until ovn-northd has translated them. Needs OVN, not root. */
export async function measureNetwork({ ports }: { ports: number }, reporter: Reporter): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'bst-'));
  const central = await startOvnCentral({ dir: join(dir, 'ovn'), runDir: join(dir, 'o') });
  const driver = new OvnNetworkDriver({ northbound: central.northbound });
  try {
    const networks = Array.from({ length: networkCount }, sampleNetwork);
    for (const network of networks) await driver.putNetwork(network);
    reporter.say(`putting ${ports} ports on ${networkCount} networks`);
    const started = performance.now();
    const queue = Array.from({ length: ports }, (_, index) => samplePort(networks, index)).values();
    const writer = async (): Promise<void> => {
      for (const port of queue) await driver.putPort(port);
    };
    await Promise.all(Array.from({ length: concurrency }, writer));
    const putMs = performance.now() - started;
    await run(['ovn-nbctl', `--db=${central.northbound}`, '--timeout=60', '--wait=sb', 'sync'], { timeoutMs: 70_000 });
    const translatedMs = performance.now() - started;
    const note = `${ports} ports on ${networkCount} networks, concurrency ${concurrency}, ovn-northd beside it`;
    reporter.add({ name: 'network.put_port.per_s', value: (1_000 * ports) / putMs, unit: '/s', note });
    reporter.add({
      name: 'network.northd.converged_ms',
      value: translatedMs,
      unit: 'ms',
      note: `first put to southbound complete; ${note}`,
    });
  } finally {
    await driver.close();
    await central.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

function sampleNetwork(): NetworkSpec {
  return {
    id: randomUUID(),
    tenantId: randomUUID(),
    name: 'LAN01',
    cidr: '10.64.0.0/14',
    gateway: null,
    mtu: 1_500,
    dhcp: true,
    dnsServers: [],
  };
}

function samplePort(networks: readonly NetworkSpec[], index: number): PortSpec {
  const network = networks[index % networks.length];
  if (network === undefined) throw new RangeError('no networks');
  const octets = [index >> 16, (index >> 8) & 0xff, index & 0xff].map((octet) => octet.toString(16).padStart(2, '0'));
  return {
    id: randomUUID(),
    networkId: network.id,
    tenantId: network.tenantId,
    macAddress: `02:ba:57:${octets.join(':')}`,
    ipv4: formatIpv4(10 * 2 ** 24 + 64 * 2 ** 16 + 16 + index),
    enabled: true,
  };
}
