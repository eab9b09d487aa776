import { NbdClient } from '#libs/nbd/client.ts';

export interface MeasureIopsOptions {
  readonly seconds: number;
  /** Requests kept in flight; 32 unless given. */
  readonly depth?: number;
  readonly operation?: 'write' | 'read';
  /** 4096 unless given. */
  readonly blockBytes?: number;
  /** Random offsets lie below this; the whole device unless given. */
  readonly spanBytes?: number;
}

export interface IopsMeasured {
  readonly operations: number;
  readonly seconds: number;
  readonly perSecond: number;
}

/**
 * Random requests of one size against an NBD export for some seconds, first come first answered.
 * @throws NbdError when a request is refused
 */
export async function measureIops(
  socketPath: string,
  exportName: string,
  options: MeasureIopsOptions,
): Promise<IopsMeasured> {
  const { seconds, depth = 32, operation = 'write', blockBytes = 4096 } = options;
  const client = await NbdClient.connect(socketPath, exportName);
  const blocks = Math.floor(Math.min(options.spanBytes ?? client.sizeBytes, client.sizeBytes) / blockBytes);
  // Not zeros: those would be turned into holes.
  const data = Buffer.alloc(blockBytes, 0x5a);
  const started = performance.now();
  const end = started + seconds * 1000;
  let operations = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const offset = Math.floor(Math.random() * blocks) * blockBytes;
      if (operation === 'write') await client.write(offset, data);
      else await client.read(offset, blockBytes);
      operations += 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: depth }, worker));
    const took = (performance.now() - started) / 1000;
    return { operations, seconds: took, perSecond: operations / took };
  } finally {
    client.close();
  }
}
