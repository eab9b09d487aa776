import { isAlive } from '#libs/process/identity.ts';
import { terminate } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { QgaClient } from '#libs/qga/client.ts';
import { QmpClient } from '#libs/qmp/client.ts';
import { findLeftovers } from './leftovers.ts';
import type { Leftover } from './leftovers.ts';

const askAgainMs = 10_000;

/**
 * Asks every running guest of a region to power off (through its agent, else by the ACPI power button), waits for it, and ends
 * what does not. To be called
 * when the host agents are gone: only one client can hold a QEMU monitor, and an agent that watched would take the end for
 * the tenant's wish. Answers how many guests ran.
 */
export async function shutDownGuests(stateDir: string, graceMs: number): Promise<number> {
  const guests = findLeftovers(stateDir).filter(({ program }) => program.startsWith('qemu-system-'));
  await Promise.all(guests.map(async (guest) => shutDown(guest, graceMs)));
  return guests.length;
}

async function shutDown(guest: Leftover, graceMs: number): Promise<void> {
  const folder = runFolderOf(guest.argv);
  if (graceMs > 0 && folder !== null) {
    // A guest that cannot be asked is ended like one that does not listen.
    await powerOff(guest, { folder, graceMs }).catch(() => undefined);
  }
  await terminate(guest, { graceMs: 5_000 });
}

async function powerOff(guest: Leftover, { folder, graceMs }: { folder: string; graceMs: number }): Promise<void> {
  const monitor = await QmpClient.connect(`${folder}/qmp`, { timeoutMs: 5_000 });
  try {
    let off = false;
    monitor.on('event', ({ event }) => {
      if (event === 'SHUTDOWN') off = true;
    });
    const ask = async (): Promise<unknown> =>
      askTools(`${folder}/qga`).catch(() => monitor.execute('system_powerdown', {}, { timeoutMs: 5_000 }));
    await ask();
    // A guest that is still booting takes the request and forgets it.
    const again = setInterval(() => void ask().catch(() => undefined), askAgainMs);
    try {
      // QEMU may have been told to stay after its guest's end.
      await waitFor(() => off || !isAlive(guest), { what: 'the guest to power off', timeoutMs: graceMs });
    } finally {
      clearInterval(again);
    }
    await monitor.execute('quit', {}, { timeoutMs: 5_000 });
  } finally {
    monitor.close();
  }
}

/** The guest agent first: not every guest listens to its power button. */
async function askTools(socket: string): Promise<void> {
  const tools = await QgaClient.connect(socket, { timeoutMs: 2_000 });
  try {
    await tools.send('guest-shutdown', { mode: 'powerdown' }, { timeoutMs: 4_000 });
  } finally {
    tools.close();
  }
}

/** Folder of a QEMU's sockets, by the path of its monitor. */
function runFolderOf(argv: readonly string[]): string | null {
  for (const argument of argv) {
    const folder = /(?:^|,)path=([^,]+)\/qmp(?:,|$)/.exec(argument)?.[1];
    if (folder !== undefined) return folder;
  }
  return null;
}
