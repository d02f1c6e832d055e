// gRPC over plain HTTP/2, by the bytes. The load must cost less than what it loads, or it is the load that is measured;
// a gRPC client in Node costs twice what a server does, and node:http2 alone about as much. So this one does only what a
// benchmark needs: calls with small requests to a server that is trusted, frames of one turn written together, response
// headers not decoded. A call went well if a whole message came and then the end: servers send an error without one.
import { connect, type Socket } from 'node:net';
import { HeaderBlocks } from './header-blocks.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, window: 8 } as const;
const FLAG = { acknowledge: 1, endOfStream: 1, endOfHeaders: 4 } as const;
const HEADER_BYTES = 9;
/** Before each message: not compressed, and its length. */
const PREFIX_BYTES = 5;
const INITIAL_WINDOW_BYTES = 65_535;
const WINDOW_BYTES_MAX = 2 ** 31 - 1;
/** Of one message: within one frame, and any server's first window. */
export const REQUEST_BYTES_MAX = 16_000;
const TIMEOUT = '30S';
const CANCEL = 8;

/** The server said no, or the connection ended. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
}

export interface StreamCall {
  readonly path: string;
  readonly request: Uint8Array;
  /** The caller could send more: some servers end the call when it could not. */
  readonly staysOpen?: boolean;
}

interface Stream {
  /** What has come of a message, how much that is, and how much it must be at least. */
  parts: Buffer[];
  held: number;
  needed: number;
  /** Received since the server was last told. */
  received: number;
  message(bytes: Buffer): void;
  ended(failure: CallFailed | undefined): void;
}

export class GrpcConnection {
  readonly #socket: Socket;
  readonly #headers: HeaderBlocks;
  readonly #streams = new Map<number, Stream>();
  #nextStream = 1;
  #rest: Buffer | undefined;
  #received = 0;
  #out: Buffer[] = [];
  /** Calls that the server's window has no room for yet. */
  #waiting: Buffer[] = [];
  #sendable = INITIAL_WINDOW_BYTES;
  #failure: CallFailed | undefined;

  constructor(target: string) {
    const at = target.lastIndexOf(':');
    this.#headers = new HeaderBlocks(target);
    this.#socket = connect({ host: target.slice(0, at), port: Number(target.slice(at + 1)), noDelay: true });
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', () => this.#fail('the connection was closed'));
    this.#send(Buffer.from(PREFACE, 'latin1'));
    this.#send(frame(FRAME.settings, 0, 0, numbers([0, 2, 0, 0, 0, 0], [0, 4, 0x7f, 0xff, 0xff, 0xff])));
    this.#send(windowUpdate(0, WINDOW_BYTES_MAX - INITIAL_WINDOW_BYTES));
  }

  /** A unary call. @throws CallFailed */
  call(path: string, request: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      this.#open({ path, request }, TIMEOUT, {
        ...nothingYet(),
        message: (bytes) => {
          answer = bytes;
        },
        ended: (failure) => {
          if (failure === undefined && answer !== undefined) resolve(answer);
          else reject(failure ?? new CallFailed(`${path} was refused, or failed: a status came and no message`));
        },
      });
    });
  }

  /** A call answered by many messages. @returns what ends it */
  stream(call: StreamCall, message: (bytes: Buffer) => void, ended: (failure: CallFailed) => void): () => void {
    const id = this.#open(call, undefined, {
      ...nothingYet(),
      message,
      ended: (failure) => ended(failure ?? new CallFailed(`the server ended ${call.path}`)),
    });
    return () => {
      if (!this.#streams.delete(id)) return;
      this.#send(frame(FRAME.reset, 0, id, numbers([0, 0, 0, CANCEL])));
    };
  }

  close(): void {
    this.#failure ??= new CallFailed('closed');
    this.#socket.destroy();
  }

  #open({ path, request, staysOpen }: StreamCall, timeout: string | undefined, stream: Stream): number {
    if (request.length > REQUEST_BYTES_MAX) throw new RangeError(`a request of ${request.length} bytes is too large`);
    const id = this.#nextStream;
    this.#nextStream += 2;
    if (this.#failure !== undefined) {
      stream.ended(this.#failure);
      return id;
    }
    this.#streams.set(id, stream);
    this.#send(frame(FRAME.headers, FLAG.endOfHeaders, id, this.#headers.block(path, timeout)));
    const message = Buffer.allocUnsafe(PREFIX_BYTES + request.length);
    message[0] = 0;
    message.writeUInt32BE(request.length, 1);
    message.set(request, PREFIX_BYTES);
    this.#waiting.push(frame(FRAME.data, staysOpen ? 0 : FLAG.endOfStream, id, message));
    this.#sendWaiting();
    return id;
  }

  #sendWaiting(): void {
    let sent = 0;
    for (const data of this.#waiting) {
      const bytes = data.length - HEADER_BYTES;
      if (bytes > this.#sendable) break;
      this.#sendable -= bytes;
      this.#send(data);
      sent++;
    }
    if (sent === this.#waiting.length) this.#waiting.length = 0;
    else this.#waiting.splice(0, sent);
  }

  #send(bytes: Buffer): void {
    if (this.#out.push(bytes) > 1) return;
    process.nextTick(() => {
      const out = this.#out;
      this.#out = [];
      if (!this.#socket.destroyed) this.#socket.write(out.length === 1 ? out[0]! : Buffer.concat(out));
    });
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      this.#frame(
        bytes[at + 3]!,
        bytes[at + 4]!,
        bytes.readUInt32BE(at + 5) & WINDOW_BYTES_MAX,
        bytes,
        at + HEADER_BYTES,
        end,
      );
      at = end;
    }
    this.#rest = at === bytes.length ? undefined : bytes.subarray(at);
  }

  #frame(kind: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const stream = this.#streams.get(id);
    switch (kind) {
      case FRAME.data:
        this.#consumed(stream, id, to - from);
        if (stream !== undefined) takeMessages(stream, bytes.subarray(from, to));
        break;
      case FRAME.window:
        if (id === 0) {
          this.#sendable += bytes.readUInt32BE(from);
          if (this.#waiting.length > 0) this.#sendWaiting();
        }
        break;
      case FRAME.settings:
        if ((flags & FLAG.acknowledge) === 0) this.#send(frame(FRAME.settings, FLAG.acknowledge, 0, Buffer.alloc(0)));
        break;
      case FRAME.ping:
        if ((flags & FLAG.acknowledge) === 0) {
          this.#send(frame(FRAME.ping, FLAG.acknowledge, 0, Buffer.from(bytes.subarray(from, to))));
        }
        break;
      case FRAME.goAway:
        this.#fail(`the server closes the connection (code ${bytes.readUInt32BE(from + 4)})`);
        break;
      case FRAME.reset:
        this.#end(id, stream, new CallFailed(`the server reset a call (code ${bytes.readUInt32BE(from)})`));
        return;
    }
    if (kind <= FRAME.headers && (flags & FLAG.endOfStream) !== 0) this.#end(id, stream, undefined);
  }

  #end(id: number, stream: Stream | undefined, failure: CallFailed | undefined): void {
    if (this.#streams.delete(id)) stream?.ended(failure);
  }

  /** Gives the server its windows back, long before they are used up. */
  #consumed(stream: Stream | undefined, id: number, bytes: number): void {
    this.#received += bytes;
    if (this.#received > WINDOW_BYTES_MAX / 2) {
      this.#send(windowUpdate(0, this.#received));
      this.#received = 0;
    }
    if (stream === undefined) return;
    stream.received += bytes;
    if (stream.received > WINDOW_BYTES_MAX / 2) {
      this.#send(windowUpdate(id, stream.received));
      stream.received = 0;
    }
  }

  #fail(why: string): void {
    this.#failure ??= new CallFailed(why);
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.ended(this.#failure);
  }
}

function nothingYet() {
  return { parts: [], held: 0, needed: PREFIX_BYTES, received: 0 };
}

function takeMessages(stream: Stream, bytes: Buffer): void {
  stream.held += bytes.length;
  stream.parts.push(bytes);
  if (stream.held < stream.needed) return;
  const all = stream.parts.length === 1 ? bytes : Buffer.concat(stream.parts);
  let at = 0;
  stream.needed = PREFIX_BYTES;
  while (all.length - at >= PREFIX_BYTES) {
    const length = PREFIX_BYTES + all.readUInt32BE(at + 1);
    if (all.length - at < length) {
      stream.needed = length;
      break;
    }
    stream.message(all.subarray(at + PREFIX_BYTES, at + length));
    at += length;
  }
  stream.held = all.length - at;
  stream.parts = stream.held === 0 ? [] : [all.subarray(at)];
}

function frame(kind: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = kind;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

function windowUpdate(stream: number, bytes: number): Buffer {
  const increment = Buffer.alloc(4);
  increment.writeUInt32BE(bytes);
  return frame(FRAME.window, 0, stream, increment);
}

function numbers(...parts: readonly (readonly number[])[]): Buffer {
  return Buffer.from(parts.flat());
}
