/** What the test command prints. */
import type { GateResult } from './gates.ts';
import type { FinishedTest } from './test-events.ts';
import type { FileResult } from './test-file.ts';

const SLOWEST = 10;

export class TestReport {
  readonly #write: (text: string) => void;
  readonly #files: FileResult[] = [];
  readonly #failures: string[] = [];
  readonly #skipped: string[] = [];
  #passed = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  get failed(): number {
    return this.#failures.length;
  }

  addGate({ name, passed, output, durationMs }: GateResult): void {
    this.#write(`${passed ? 'ok  ' : 'FAIL'} gate: ${name} (${seconds(durationMs)})\n`);
    if (passed) this.#passed += 1;
    else this.#fail(`gate: ${name}`, output);
  }

  addFile(result: FileResult): void {
    this.#files.push(result);
    const count = (outcome: FinishedTest['outcome']): number =>
      result.tests.filter((test) => test.outcome === outcome).length;
    const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')];
    const notes = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
    const summary = notes.filter((note) => note !== false).join(', ');
    this.#write(`${failed === 0 ? 'ok  ' : 'FAIL'} ${result.file}: ${summary} (${seconds(result.durationMs)})\n`);
    this.#passed += passed;
    for (const test of result.tests) {
      if (test.outcome === 'skipped')
        this.#skipped.push(`${result.file}: ${test.name}${test.detail === '' ? '' : ` (${test.detail})`}`);
      if (test.outcome === 'failed') this.#fail(`${result.file}: ${test.name}`, test.detail);
    }
    if (failed > 0 && result.output !== '') this.#write(indented(`output of ${result.file}:\n${result.output}`));
  }

  /** Something that stopped the run itself, for example the deadline. */
  addProblem(text: string): void {
    this.#fail(text, '');
  }

  #fail(name: string, detail: string): void {
    this.#failures.push(name);
    this.#write(indented(`${name}\n${detail}`));
  }

  /** The lists, and as the very last line the counts. */
  finish(): void {
    const slowest = this.#files.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST);
    this.#list(
      'Slowest files',
      slowest.map((file) => `${seconds(file.durationMs).padStart(8)}  ${file.file}`),
    );
    this.#list('Skipped', this.#skipped);
    this.#list('Failed', this.#failures);
    const skipped = this.#skipped.length === 0 ? '' : `, ${this.#skipped.length} skipped`;
    this.#write(`${this.#passed} passed, ${this.failed} failed${skipped}\n`);
  }

  #list(title: string, lines: readonly string[]): void {
    if (lines.length > 0) this.#write(`\n${title}:\n${lines.map((line) => `  ${line}\n`).join('')}\n`);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function indented(text: string): string {
  return `${text
    .trimEnd()
    .split('\n')
    .map((line) => `     ${line}`)
    .join('\n')}\n`;
}
