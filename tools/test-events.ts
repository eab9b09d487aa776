/**
 * Reporter for `node --test-reporter`: one JSON line per finished test, for tools/test-file.ts to read. Default export
 * because Node's reporter interface asks for one.
 */
import type { TestEvent } from 'node:test/reporters';

export interface FinishedTest {
  name: string;
  outcome: 'passed' | 'failed' | 'skipped';
  durationMs: number;
  /** Why it was skipped or how it failed. */
  detail: string;
}

interface Details {
  type?: string;
  duration_ms: number;
  error?: Error & { cause?: unknown };
}

// oxlint-disable-next-line import/no-default-export
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const parents: string[] = [];
  for await (const event of source) {
    if (event.type === 'test:start') {
      parents.length = event.data.nesting;
      parents.push(event.data.name);
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const finished = describe(event, parents);
      if (finished !== undefined) yield `${JSON.stringify(finished)}\n`;
    }
  }
}

function describe(
  event: Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>,
  parents: readonly string[],
): FinishedTest | undefined {
  const { name, nesting, skip } = event.data;
  const details = event.data.details as Details;
  const cause = details.error?.cause;
  const failureType = (details.error as { failureType?: string } | undefined)?.failureType;
  // A parent fails with its children, which are reported on their own; a suite counts only when it fails by itself.
  if (failureType === 'subtestsFailed' || (details.type === 'suite' && event.type === 'test:pass')) return undefined;
  const failure =
    cause instanceof Error
      ? (cause.stack ?? cause.message)
      : typeof cause === 'string'
        ? cause
        : (details.error?.message ?? '');
  return {
    name: [...parents.slice(0, nesting), name].join(' › '),
    outcome: event.type === 'test:fail' ? 'failed' : skip === undefined || skip === false ? 'passed' : 'skipped',
    durationMs: details.duration_ms,
    detail: event.type === 'test:fail' ? failure : typeof skip === 'string' ? skip : '',
  };
}
