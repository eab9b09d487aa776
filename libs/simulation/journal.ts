import fs from 'node:fs';
import path from 'node:path';

/** One remembered fact: the newest line about a (scope, kind, id) wins; `value: null` says it is gone. */
export interface JournalEntry {
  scope: string;
  kind: string;
  id: string;
  value: unknown;
}

/** Where a simulated agent writes what must outlive its process. */
export interface JournalScope {
  put(kind: string, id: string, value: unknown): void;
  remove(kind: string, id: string): void;
}

const fileName = 'journal.ndjson';
const readChunkBytes = 1 << 20;
const compactEveryBytes = 256 << 20;

/**
 * Append-only memory of a simulated region, one JSON line per change. A line is handed to the kernel before the call
 * that caused it is answered, so a killed process loses nothing; the disk is asked to keep up in the background
 * (`fsync` at most once a second), so only a power cut may cost the last second.
 */
export class Journal {
  readonly #directory: string;
  #descriptor: number | null = null;
  #written = 0;
  #dirty = false;
  #torn = false;
  #flushTimer: NodeJS.Timeout | null = null;
  #facts: (() => Iterable<JournalEntry>) | null = null;

  constructor(directory: string) {
    fs.mkdirSync(directory, { recursive: true });
    this.#directory = directory;
  }

  /** Replays every line, oldest first. A torn last line (the process died within a write) is passed over. */
  replay(apply: (entry: JournalEntry) => void): void {
    const file = path.join(this.#directory, fileName);
    if (!fs.existsSync(file)) return;
    for (const line of linesOf(file)) {
      const entry = parseLine(line);
      if (entry !== null) apply(entry);
    }
  }

  /** Starts a new file that holds `facts` alone, puts it in the old one's place at once, and appends to it from then on. */
  open(facts: () => Iterable<JournalEntry>): void {
    this.#facts = facts;
    this.#rewrite(facts);
    this.#flushTimer = setInterval(() => {
      this.#flush();
    }, 1000);
    this.#flushTimer.unref();
  }

  scope(name: string): JournalScope {
    return {
      put: (kind, id, value) => {
        this.#append({ scope: name, kind, id, value });
      },
      remove: (kind, id) => {
        this.#append({ scope: name, kind, id, value: null });
      },
    };
  }

  close(): void {
    if (this.#flushTimer !== null) clearInterval(this.#flushTimer);
    this.#flushTimer = null;
    if (this.#descriptor === null) return;
    fs.fsyncSync(this.#descriptor);
    fs.closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #append(entry: JournalEntry): void {
    if (this.#descriptor === null) return;
    // After a write that failed half way (disk full) the next line starts on a line of its own.
    const line = `${this.#torn ? '\n' : ''}${JSON.stringify(entry)}\n`;
    this.#torn = true;
    fs.appendFileSync(this.#descriptor, line);
    this.#torn = false;
    this.#written += line.length;
    this.#dirty = true;
    if (this.#written > compactEveryBytes && this.#facts !== null) this.#rewrite(this.#facts);
  }

  #flush(): void {
    if (!this.#dirty || this.#descriptor === null) return;
    this.#dirty = false;
    // A failure shows at the next write to the same file, which is the one that can be reported to a caller.
    fs.fdatasync(this.#descriptor, () => undefined);
  }

  #rewrite(facts: () => Iterable<JournalEntry>): void {
    const target = path.join(this.#directory, fileName);
    const descriptor = fs.openSync(`${target}.new`, 'w', 0o600);
    let batch: string[] = [];
    const drain = (): void => {
      if (batch.length > 0) fs.writeSync(descriptor, `${batch.join('\n')}\n`);
      batch = [];
    };
    for (const entry of facts()) {
      batch.push(JSON.stringify(entry));
      if (batch.length >= 1000) drain();
    }
    drain();
    fs.fsyncSync(descriptor);
    fs.renameSync(`${target}.new`, target);
    if (this.#descriptor !== null) fs.closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#written = 0;
  }
}

function parseLine(line: string): JournalEntry | null {
  try {
    return JSON.parse(line) as JournalEntry;
  } catch {
    return null;
  }
}

function* linesOf(file: string): Generator<string> {
  const descriptor = fs.openSync(file, 'r');
  const chunk = Buffer.alloc(readChunkBytes);
  let rest = Buffer.alloc(0);
  try {
    for (;;) {
      const count = fs.readSync(descriptor, chunk, 0, chunk.length, null);
      if (count === 0) break;
      const data = Buffer.concat([rest, chunk.subarray(0, count)]);
      let from = 0;
      for (let end = data.indexOf(10, from); end !== -1; end = data.indexOf(10, from)) {
        yield data.toString('utf8', from, end);
        from = end + 1;
      }
      rest = Buffer.from(data.subarray(from));
    }
    if (rest.length > 0) yield rest.toString('utf8');
  } finally {
    fs.closeSync(descriptor);
  }
}
