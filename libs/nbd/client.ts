import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';

/* https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md */
const optionMagic = 0x49484156454f5054n;
const optionReplyMagic = 0x3e889045565a9n;
const requestMagic = 0x25609513;
const replyMagic = 0x67446698;
const optionGo = 7;
const replyAck = 1;
const replyInfo = 3;
const infoExport = 0;
const flagFixedNewstyle = 1;
const flagNoZeroes = 2;
const requestBytes = 28;
const replyBytes = 16;
const optionReplyBytes = 20;
const command = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
const flagFua = 1;

/** Error numbers of the protocol, which are Linux' own. */
const errorNames: Readonly<Record<number, string>> = {
  1: 'EPERM',
  5: 'EIO',
  12: 'ENOMEM',
  22: 'EINVAL',
  28: 'ENOSPC',
  108: 'ESHUTDOWN',
};

/** A request that the server refused; `code` as in `NodeJS.ErrnoException`. */
export class NbdError extends Error {
  override readonly name = 'NbdError';
  readonly code: string;

  constructor(what: string, code: string) {
    super(`NBD ${what}: ${code}`);
    this.code = code;
  }
}

interface Pending {
  readonly what: string;
  readonly readBytes: number;
  readonly resolve: (data: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** A Network Block Device client over a unix socket: plain requests, any number at a time. */
export class NbdClient {
  /** Bytes of the device, as the server said when we connected. */
  readonly sizeBytes: number;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  #buffers: Buffer[] = [];
  #buffered = 0;
  #next = 1;
  #ended: Error | undefined;

  private constructor(socket: Socket, sizeBytes: number) {
    this.#socket = socket;
    this.sizeBytes = sizeBytes;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new NbdError('connection', 'ECONNRESET')));
  }

  /** @throws NbdError `ENOENT` when there is no such export; the system's error when nobody listens */
  static async connect(socketPath: string, exportName: string, timeoutMs = 5_000): Promise<NbdClient> {
    const socket = createConnection({ path: socketPath });
    const deadline = setTimeout(() => socket.destroy(new NbdError('connection', 'ETIMEDOUT')), timeoutMs);
    try {
      await once(socket, 'connect');
      const size = await negotiate(socket, exportName);
      return new NbdClient(socket, size);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(deadline);
    }
  }

  async read(offset: number, length: number): Promise<Buffer> {
    return await this.#request({ what: 'read', type: command.read, offset, length, readBytes: length });
  }

  /** @throws NbdError, e.g. `ENOSPC` */
  async write(offset: number, data: Buffer, options: { fua?: boolean } = {}): Promise<void> {
    const flags = options.fua === true ? flagFua : 0;
    await this.#request({ what: 'write', type: command.write, flags, offset, length: data.length, data });
  }

  async flush(): Promise<void> {
    await this.#request({ what: 'flush', type: command.flush, offset: 0, length: 0 });
  }

  close(): void {
    if (this.#ended === undefined)
      this.#socket.write(header({ type: command.disconnect, offset: 0, length: 0, id: 0 }));
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #request(request: Request): Promise<Buffer> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { what: request.what, readBytes: request.readBytes ?? 0, resolve, reject });
      this.#socket.cork();
      this.#socket.write(header({ ...request, id }));
      if (request.data !== undefined) this.#socket.write(request.data);
      this.#socket.uncork();
    });
  }

  #take(chunk: Buffer): void {
    this.#buffers.push(chunk);
    this.#buffered += chunk.length;
    while (this.#buffered >= replyBytes) {
      const all = this.#buffers.length === 1 ? (this.#buffers[0] ?? chunk) : Buffer.concat(this.#buffers);
      this.#buffers = [all];
      if (all.readUInt32BE(0) !== replyMagic) {
        this.#socket.destroy(new NbdError('reply', 'EPROTO'));
        return;
      }
      const errno = all.readUInt32BE(4);
      const id = Number(all.readBigUInt64BE(8));
      const pending = this.#pending.get(id);
      const length = errno === 0 ? (pending?.readBytes ?? 0) : 0;
      if (all.length < replyBytes + length) return;
      this.#pending.delete(id);
      this.#buffers = all.length === replyBytes + length ? [] : [all.subarray(replyBytes + length)];
      this.#buffered -= replyBytes + length;
      if (errno === 0) pending?.resolve(all.subarray(replyBytes, replyBytes + length));
      else pending?.reject(new NbdError(pending.what, errorNames[errno] ?? `error ${errno}`));
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const pending of this.#pending.values()) pending.reject(this.#ended);
    this.#pending.clear();
  }
}

interface Request {
  readonly what: string;
  readonly type: number;
  readonly flags?: number;
  readonly offset: number;
  readonly length: number;
  readonly data?: Buffer;
  readonly readBytes?: number;
}

function header(request: Pick<Request, 'type' | 'flags' | 'offset' | 'length'> & { id: number }): Buffer {
  const buffer = Buffer.alloc(requestBytes);
  buffer.writeUInt32BE(requestMagic, 0);
  buffer.writeUInt16BE(request.flags ?? 0, 4);
  buffer.writeUInt16BE(request.type, 6);
  buffer.writeBigUInt64BE(BigInt(request.id), 8);
  buffer.writeBigUInt64BE(BigInt(request.offset), 16);
  buffer.writeUInt32BE(request.length, 24);
  return buffer;
}

/** Fixed newstyle handshake with NBD_OPT_GO; the size of the export. */
async function negotiate(socket: Socket, exportName: string): Promise<number> {
  const reader = new HandshakeReader(socket);
  try {
    return await chooseExport(socket, reader, exportName);
  } finally {
    reader.release();
  }
}

async function chooseExport(socket: Socket, reader: HandshakeReader, exportName: string): Promise<number> {
  const greeting = await reader.take(18);
  if (greeting.toString('latin1', 0, 8) !== 'NBDMAGIC' || greeting.readBigUInt64BE(8) !== optionMagic) {
    throw new NbdError('greeting', 'EPROTO');
  }
  const name = Buffer.from(exportName);
  const go = Buffer.alloc(4 + 16 + 4 + name.length + 2);
  go.writeUInt32BE(flagFixedNewstyle | flagNoZeroes, 0);
  go.writeBigUInt64BE(optionMagic, 4);
  go.writeUInt32BE(optionGo, 12);
  go.writeUInt32BE(4 + name.length + 2, 16);
  go.writeUInt32BE(name.length, 20);
  name.copy(go, 24);
  socket.write(go);
  for (let size: number | undefined; ;) {
    const reply = await reader.take(optionReplyBytes);
    if (reply.readBigUInt64BE(0) !== optionReplyMagic) throw new NbdError('option', 'EPROTO');
    const type = reply.readUInt32BE(12);
    const length = reply.readUInt32BE(16);
    const data = length === 0 ? Buffer.alloc(0) : await reader.take(length);
    if (type === replyInfo && data.readUInt16BE(0) === infoExport) size = Number(data.readBigUInt64BE(2));
    else if (type === replyAck && size !== undefined) return size;
    else if (type !== replyInfo) throw new NbdError(`export ${exportName}`, 'ENOENT');
  }
}

/** Hands out what comes in by the piece, one reader at a time. */
class HandshakeReader {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #ended: Error | undefined;
  #wake: (() => void) | undefined;
  readonly #onData = (chunk: Buffer): void => {
    this.#received = Buffer.concat([this.#received, chunk]);
    this.#wake?.();
  };
  readonly #onError = (error: Error): void => this.#end(error);
  readonly #onClose = (): void => this.#end(new NbdError('handshake', 'ECONNRESET'));

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData).on('error', this.#onError).on('close', this.#onClose);
  }

  async take(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#ended !== undefined) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const piece = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return piece;
  }

  release(): void {
    this.#socket.off('data', this.#onData).off('error', this.#onError).off('close', this.#onClose);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#wake?.();
  }
}
