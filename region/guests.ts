import { isAlive } from '#libs/process/identity.ts';
import { terminate } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { QmpClient } from '#libs/qmp/client.ts';
import { findLeftovers } from './leftovers.ts';
import type { Leftover } from './leftovers.ts';

/**
 * Asks every running guest of a region to power off (ACPI power button), waits for it, and ends what does not. To be called
 * when the host agents are gone: only one client can hold a QEMU monitor, and an agent that watched would take the end for
 * the tenant's wish. Answers how many guests ran.
 */
export async function shutDownGuests(stateDir: string, graceMs: number): Promise<number> {
  const guests = findLeftovers(stateDir).filter(({ program }) => program.startsWith('qemu-system-'));
  await Promise.all(guests.map(async (guest) => shutDown(guest, graceMs)));
  return guests.length;
}

async function shutDown(guest: Leftover, graceMs: number): Promise<void> {
  const socket = monitorOf(guest.argv);
  if (graceMs > 0 && socket !== null) await powerOff(guest, { socket, graceMs }).catch(() => undefined);
  await terminate(guest, { graceMs: 5_000 });
}

async function powerOff(guest: Leftover, { socket, graceMs }: { socket: string; graceMs: number }): Promise<void> {
  const qmp = await QmpClient.connect(socket, { timeoutMs: 5_000 });
  try {
    let off = false;
    qmp.on('event', ({ event }) => {
      if (event === 'SHUTDOWN') off = true;
    });
    await qmp.execute('system_powerdown', {}, { timeoutMs: 5_000 });
    // QEMU may be told to stay after its guest's end.
    await waitFor(() => off || !isAlive(guest), { what: 'the guest to power off', timeoutMs: graceMs });
  } finally {
    qmp.close();
  }
}

/** Path of the monitor's unix socket in a QEMU command line. */
function monitorOf(argv: readonly string[]): string | null {
  for (const argument of argv) {
    const path = /(?:^unix:|[,^]path=|^socket,.*?path=)([^,]+\/qmp)(?:,|$)/.exec(argument)?.[1];
    if (path) return path;
  }
  return null;
}
