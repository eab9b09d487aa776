import type { Activity, VirtualMachine, VmDisk, VmGuest, VmNetworkAdapter } from '#contract/generated/tenant.ts';
import { waitFor } from '#libs/process/wait.ts';
import { machineRequest } from './api.ts';
import type { Api } from './api.ts';

/** Emulated guests on a machine that others use too. */
const guestTimeoutMs = 180_000;

/** What {@link Guest.create} makes; the rest is as `machineRequest` has it. */
export interface GuestWish {
  readonly name: string;
  readonly template?: string;
  readonly zone?: string;
  readonly power?: 'on' | 'off';
  readonly cpu?: number;
  /** GB. */
  readonly memory?: number;
  /** User data: a `#!` script, run at every boot with its output on the serial console, or a cloud-config. */
  readonly userData?: string;
  readonly networkConfig?: string;
}

/** Base64, as cloud-init members travel. */
export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The body of a create request. */
export async function guestRequest(api: Api, wish: GuestWish): Promise<Record<string, unknown>> {
  const { userData, networkConfig, ...options } = wish;
  const request = await machineRequest(api, options);
  if (userData === undefined) return request;
  return {
    ...request,
    cloudInit: {
      cloudConfig: base64(userData),
      ...(networkConfig === undefined ? {} : { networkConfig: base64(networkConfig) }),
    },
  };
}

/** A virtual machine as its tenant sees it. */
export class Guest {
  readonly api: Api;
  readonly id: string;

  constructor(api: Api, id: string) {
    this.api = api;
    this.id = id;
  }

  /** Creates one and waits until the activity has completed. */
  static async create(api: Api, wish: GuestWish): Promise<Guest> {
    const id = await api.done('POST', '/vm_instances/v1/virtual_machines', await guestRequest(api, wish));
    return new Guest(api, id);
  }

  get path(): string {
    return `/vm_instances/v1/virtual_machines/${this.id}`;
  }

  read(): Promise<VirtualMachine> {
    return this.api.get(this.path);
  }

  guest(): Promise<VmGuest> {
    return this.api.get(`${this.path}/guest`);
  }

  async disks(): Promise<readonly VmDisk[]> {
    return (await this.api.get<{ disks: VmDisk[] }>(`${this.path}/disks`)).disks;
  }

  async adapters(): Promise<readonly VmNetworkAdapter[]> {
    return (await this.api.get<{ networks: VmNetworkAdapter[] }>(`${this.path}/network_adapters`)).networks;
  }

  /** An asynchronous write that must complete. @returns its result */
  done(method: string, path: string, body?: unknown): Promise<string> {
    return this.api.done(method, `${this.path}${path}`, body);
  }

  /** An asynchronous write, ended one way or the other. */
  act(method: string, path: string, body?: unknown): Promise<Activity> {
    return this.api.act(method, `${this.path}${path}`, body);
  }

  /** What is kept of the serial console. */
  async serial(): Promise<string> {
    const { status, body } = await this.api.call('GET', `${this.path}/serial`);
    if (status !== 200) throw new Error(`the serial console answered ${String(status)}: ${JSON.stringify(body)}`);
    return typeof body === 'string' ? body : '';
  }

  /** Waits until the guest has printed this. @throws with what it has printed instead */
  async prints(pattern: RegExp, timeoutMs = guestTimeoutMs): Promise<RegExpExecArray> {
    let last = '';
    const found = async (): Promise<RegExpExecArray | null> => pattern.exec((last = await this.serial()));
    return waitFor(found, { what: `${pattern} on the serial console`, timeoutMs, intervalMs: 250 }).catch(
      (cause: unknown) => {
        throw new Error(`${String(cause)}; it has printed:\n${last.slice(-2_000)}`, { cause });
      },
    );
  }

  /** Waits until the guest tools answer. */
  async hasTools(timeoutMs = guestTimeoutMs): Promise<VmGuest> {
    const ok = async (): Promise<VmGuest | null> => {
      const guest = await this.guest();
      return guest.toolsState === 'ok' ? guest : null;
    };
    return waitFor(ok, { what: 'the guest tools', timeoutMs, intervalMs: 250 });
  }

  /** Waits until the guest reports the address of its first adapter. */
  async address(timeoutMs = guestTimeoutMs): Promise<string> {
    const reported = async (): Promise<string | null> => (await this.adapters())[0]?.ipv4Address ?? null;
    return waitFor(reported, { what: 'an address', timeoutMs, intervalMs: 250 });
  }

  /** Waits for a status. */
  async becomes(status: VirtualMachine['status'], timeoutMs = guestTimeoutMs): Promise<void> {
    const settled = async (): Promise<boolean> => (await this.read()).status === status;
    await waitFor(settled, { what: `status ${status}`, timeoutMs, intervalMs: 250 });
  }

  async delete(): Promise<void> {
    await this.done('DELETE', '');
  }
}
