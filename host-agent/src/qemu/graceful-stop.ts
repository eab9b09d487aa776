import { setTimeout as delay } from 'node:timers/promises';

/** What a stop needs of a machine. */
export interface Stoppable {
  readonly isOn: () => boolean;
  /** Resolves when it is off. */
  readonly ended: Promise<void>;
  /** When patience ends (performance.now()); may move nearer meanwhile. */
  readonly deadline: () => number;
  /** The tools' shutdown; false when they do not take the order. */
  readonly askTools: () => Promise<boolean>;
  readonly pressPowerButton: () => Promise<void>;
  readonly kill: () => Promise<void>;
}

/** A guest that still boots misses the first press. */
const PRESS_EVERY_MS = 5_000;
const LOOK_MS = 200;

/** Tools first, for half of the time at most, then the power button, and the plug when patience ends. */
export async function stopGracefully(machine: Stoppable): Promise<void> {
  const started = performance.now();
  const grace = machine.deadline() - started;
  const asked = grace > 0 && (await machine.askTools());
  let nextPress = asked ? started + grace / 2 : started;
  while (machine.isOn() && performance.now() < machine.deadline()) {
    if (performance.now() >= nextPress) {
      nextPress = performance.now() + PRESS_EVERY_MS;
      await machine.pressPowerButton();
    }
    await Promise.race([machine.ended, delay(Math.max(1, Math.min(LOOK_MS, machine.deadline() - performance.now())))]);
  }
  if (machine.isOn()) await machine.kill();
}
