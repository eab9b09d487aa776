import { Readable } from 'node:stream';

interface Follower {
  readonly body: Readable;
  /** Offset after the last byte given to the reader. */
  end: number;
  readonly read: () => { start: number; text: string };
}

/** What a new follower is given: the bytes to begin with and how to read on. */
export interface FollowRequest {
  readonly machineId: string;
  readonly first: string;
  readonly end: number;
  readonly read: () => { start: number; text: string };
  readonly signal: AbortSignal;
}

/** The open serial streams of one host. */
export class SerialFollowers {
  readonly #followers = new Map<string, Set<Follower>>();

  follow({ machineId, first, end, read, signal }: FollowRequest): Readable {
    const body = new Readable({ read: () => undefined });
    const follower: Follower = { body, end, read };
    const ofMachine = this.#followers.get(machineId) ?? new Set();
    this.#followers.set(machineId, ofMachine.add(follower));
    const leave = (): void => {
      ofMachine.delete(follower);
      if (ofMachine.size === 0) this.#followers.delete(machineId);
      body.push(null);
    };
    body.once('close', leave);
    signal.addEventListener('abort', leave, { once: true });
    if (first !== '') body.push(first);
    if (signal.aborted) leave();
    return body;
  }

  /** Sends what a machine printed since. */
  grew(machineId: string): void {
    for (const follower of this.#followers.get(machineId) ?? []) {
      const { start, text } = follower.read();
      const news = text.slice(Math.max(follower.end - start, 0));
      follower.end = start + text.length;
      if (news !== '') follower.body.push(news);
    }
  }

  /** Ends the streams of a deleted machine. */
  end(machineId: string): void {
    for (const follower of this.#followers.get(machineId) ?? []) follower.body.push(null);
    this.#followers.delete(machineId);
  }

  close(): void {
    for (const machineId of [...this.#followers.keys()]) this.end(machineId);
  }
}
