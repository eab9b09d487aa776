import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadTarget, Outcome, Scenario } from './load-generator.ts';
import { runScenario } from './load-generator.ts';

/** A request to the load process and its answer. */
interface Order {
  readonly target: LoadTarget;
  readonly scenario: Scenario;
}
type Reply = { readonly outcome: Outcome } | { readonly failure: string };

/** The load generator in a process of its own, so that neither the bench nor what it measures waits for it. */
export class LoadProcess {
  readonly #child: ChildProcess = fork(fileURLToPath(import.meta.url), ['load-process']);

  /** Runs one scenario; one at a time. @throws Error when the process fails or an operation went wrong */
  async run(target: LoadTarget, scenario: Scenario): Promise<Outcome> {
    const order: Order = { target, scenario };
    const reply = await new Promise<Reply>((resolve, reject) => {
      this.#child.once('message', (message) => resolve(message as Reply));
      this.#child.once('exit', (code) => reject(new Error(`the load generator ended with ${String(code)}`)));
      this.#child.send(order);
    });
    this.#child.removeAllListeners('exit');
    if ('failure' in reply) throw new Error(reply.failure);
    const { errors } = reply.outcome;
    if (errors.length > 0) throw new Error(`${errors.length} operations failed, the first: ${errors[0] ?? ''}`);
    return reply.outcome;
  }

  close(): void {
    this.#child.kill();
  }
}

if (process.argv[2] === 'load-process' && process.send !== undefined) {
  process.on('message', (message) => {
    const { target, scenario } = message as Order;
    runScenario(target, scenario).then(
      (outcome) => process.send?.({ outcome } satisfies Reply),
      (error: unknown) =>
        process.send?.({
          failure: error instanceof Error ? (error.stack ?? error.message) : String(error),
        } satisfies Reply),
    );
  });
}
