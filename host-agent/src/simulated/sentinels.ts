/** What a machine's name asks the simulated host to do to it. Absent members: nothing unusual. */
export interface Sentinels {
  /** Every start fails. */
  startFails: boolean;
  /** The guest crashes this long after each start. */
  crashAfterMs: number | null;
  /** The guest powers itself off this long after each start. */
  powerOffAfterMs: number | null;
  /** Every change of the machine takes this much longer. */
  slowMs: number;
  /** The guest has no agent: tools `absent`, no addresses, never freezes, shuts down only when killed. */
  noTools: boolean;
  /** The guest's agent is too old: tools `outdated`. */
  outdatedTools: boolean;
  /** The guest's agent answers, but refuses to freeze. */
  freezeFails: boolean;
}

const ordinary: Sentinels = {
  startFails: false,
  crashAfterMs: null,
  powerOffAfterMs: null,
  slowMs: 0,
  noTools: false,
  outdatedTools: false,
  freezeFails: false,
};

/**
 * Reads the faults a machine's name asks for: `fault-start-fails`, `fault-crash-after-1s`, `fault-poweroff-after-1s`,
 * `fault-slow-10s` (any whole number, `s` or `ms`), `fault-no-tools`, `fault-outdated-tools`, `fault-freeze-fails`.
 * Several may stand in one name.
 */
export function sentinelsOf(name: string): Sentinels {
  if (!name.includes('fault-')) return ordinary;
  return {
    startFails: name.includes('fault-start-fails'),
    crashAfterMs: durationAfter(name, 'fault-crash-after-'),
    powerOffAfterMs: durationAfter(name, 'fault-poweroff-after-'),
    slowMs: durationAfter(name, 'fault-slow-') ?? 0,
    noTools: name.includes('fault-no-tools'),
    outdatedTools: name.includes('fault-outdated-tools'),
    freezeFails: name.includes('fault-freeze-fails'),
  };
}

function durationAfter(name: string, prefix: string): number | null {
  const at = name.indexOf(prefix);
  if (at === -1) return null;
  const match = /^(\d{1,6})(ms|s)/.exec(name.slice(at + prefix.length));
  if (match === null) return null;
  return Number(match[1]) * (match[2] === 's' ? 1000 : 1);
}
