// A call with one request and one answer, from its headers to its trailers. grpc-js serves streams; what it does for a call
// on its way from HTTP/2 to a handler and back costs as much as HTTP/2 itself, and unary calls, which are nearly all, need
// none of it: docs/adr/0019-unary-calls.md. Whatever a client sends or leaves out, and whatever a handler does, the call
// ends in one status, and what came for it is kept until then and no longer.
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { status as Code, Metadata } from '@grpc/grpc-js';
import { ParamdError } from '../model/errors.ts';
import { type Admission, admit } from './admission.ts';
import { type Defect, endOf } from './call-end.ts';
import type { Connection } from './connections.ts';
import type { Due } from './deadlines.ts';
import { IncomingCall } from './incoming-call.ts';
import { inflated } from './inflated.ts';
import type { HandledCall, OpenCall } from './open-calls.ts';
import { RequestDecoder } from './request-decoder.ts';
import type { Runtime } from './runtime.ts';
import { statusHeaders } from './status-headers.ts';
import { type CallStatus, plainStatus, statusName } from './status-table.ts';
import { streamIsClosed } from './transport.ts';
import { admitAnswer, answerLeaves } from './unread-answers.ts';

/** A handler: from the bytes of the request to those of the response; at once where it can, for a promise costs as much. */
export type Answer = (request: Buffer, call: IncomingCall) => Promise<Buffer> | Buffer;

export interface UnaryMethod {
  readonly path: string;
  readonly answer: Answer;
  readonly admission: Admission;
}

/** Whether a message is compressed, and its length. */
const PREFIX_BYTES = 5;
const HEADERS: OutgoingHttpHeaders = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity,deflate,gzip',
};
const AND_TRAILERS = { waitForTrailers: true, sendDate: false };
const ALL = { endStream: true, sendDate: false };
const TRAILERS: OutgoingHttpHeaders = { 'grpc-status': 0 };

/** By which the listeners of a stream, which all streams share, find its call. */
const CALL = Symbol('call');
type CallStream = ServerHttp2Stream & { [CALL]?: UnaryCall };

export class UnaryCall implements HandledCall, Due {
  readonly stream: ServerHttp2Stream;
  readonly incomingEncoding: string;
  open: OpenCall | undefined;
  readonly deadlineAtMs: number;
  readonly #runtime: Runtime;
  readonly #method: UnaryMethod;
  readonly #connection: Connection;
  readonly #request: RequestDecoder;
  #headers: IncomingHttpHeaders | undefined;
  /** Of the request: how many have come whole, whether more can come, and the contents of the one it should have. */
  #messages = 0;
  #hasEnded = false;
  #message: Buffer | undefined;
  #incoming: IncomingCall | undefined;
  /** Since the handler runs, until the observer is told what became of the call. */
  #handledAtMs: number | undefined;
  /** Its answer or status is on its way. */
  #isOver = false;
  #hasExpired = false;

  /** @param timeoutMs by the caller */
  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    timeoutMs: number,
    method: UnaryMethod,
    runtime: Runtime,
  ) {
    const { clock, limits, open, deadlines } = runtime;
    const encoding = headers['grpc-encoding'];
    this.stream = stream;
    this.incomingEncoding = encoding === undefined ? 'identity' : String(encoding);
    this.deadlineAtMs = clock.monotonicMs() + timeoutMs;
    this.#runtime = runtime;
    this.#method = method;
    this.#connection = runtime.connectionOf(this);
    this.#request = new RequestDecoder(this, method.path, limits.requestBytesMax, runtime.held);
    this.#headers = headers;
    open.opened(this);
    if (timeoutMs < limits.unaryTimeoutMs) deadlines.add(this);
    (stream as CallStream)[CALL] = this;
    // Listeners that are never removed: each removal would cost as much as the listener.
    stream.on('error', ignore);
    stream.on('close', closed);
    stream.on('wantTrailers', sendTrailers);
    stream.on('data', arrive);
    stream.on('end', ended);
  }

  /** Its metadata count among what is held of it. */
  hold(metadataBytes: number): void {
    const { limits, held } = this.#runtime;
    const maximum = limits.metadataBytesMax;
    if (metadataBytes <= maximum) this.#request.hold(metadataBytes);
    else held.refuse(this.#request, { reason: 'LIMIT_EXCEEDED', limit: 'metadata_bytes', maximum });
  }

  sendStatus(status: CallStatus): void {
    if (!this.#isOpen) return;
    this.#leave();
    this.stream.respond(statusHeaders(status), ALL);
    // The rest of the request is not waited for.
    if (!this.#hasEnded) this.stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** Its caller waits no longer. */
  expire(): void {
    this.#hasExpired = true;
    this.sendStatus(plainStatus(Code.DEADLINE_EXCEEDED, 'Deadline exceeded'));
    this.#abort();
  }

  arrive(chunk: Buffer): void {
    for (const framed of this.#request.write(chunk)) {
      this.#messages += 1;
      if (this.#messages > 1) this.#refuse('Received a second request message');
      else if (framed[0] === 0) this.#take(framed.subarray(PREFIX_BYTES));
      else this.#inflate(framed);
    }
  }

  #inflate(framed: Buffer): void {
    inflated(framed, this.incomingEncoding, this.#request, this.#runtime.limits.requestBytesMax).then(
      (message) => this.#take(message),
      (status: CallStatus) => this.sendStatus(status),
    );
  }

  #take(message: Buffer): void {
    this.#message = message;
    if (this.#hasEnded) this.#handle();
  }

  end(): void {
    this.#hasEnded = true;
    if (this.#message !== undefined) this.#handle();
    else if (this.#messages === 0) this.#refuse('Received no request message');
  }

  #refuse(why: string): void {
    this.sendStatus(plainStatus(Code.UNIMPLEMENTED, `${why} for unary method ${this.#method.path}`));
  }

  #handle(): void {
    if (!this.#isOpen) return;
    const { observer, open, clock, limits } = this.#runtime;
    const { path, answer, admission } = this.#method;
    const nowMs = clock.monotonicMs();
    this.#handledAtMs = nowMs;
    observer.started(path);
    try {
      admit(admission, this.#runtime, this.#connection);
      open.handled(this);
      const allowedMs = Math.max(0, Math.min(limits.unaryTimeoutMs, this.deadlineAtMs - nowMs));
      this.#incoming = new IncomingCall(this.#connection, this, nowMs, allowedMs);
      const response = answer(this.#message!, this.#incoming);
      if (response instanceof Promise) void this.#respondLater(response);
      else this.#respond(response);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** For its handler. */
  get metadata(): Metadata {
    return Metadata.fromHttp2Headers(this.#headers ?? {});
  }

  async #respondLater(response: Promise<Buffer>): Promise<void> {
    try {
      this.#respond(await response);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const { status, defect } = endOf(error);
    this.#endWith(status, defect);
  }

  #respond(response: Buffer): void {
    if (this.#method.admission === 'read') admitAnswer(this.#connection, this.#runtime, response.length);
    if (!this.#isOpen) {
      this.#tell(this.#lateStatus());
      return;
    }
    this.#leave();
    answerLeaves(this, this.#connection, response.length);
    this.stream.respond(HEADERS, AND_TRAILERS);
    this.stream.end(framed(response));
    this.#tell('OK');
  }

  #endWith(status: CallStatus, defect?: Defect): void {
    const name = this.#isOpen ? statusName(status.code) : this.#lateStatus();
    this.sendStatus(status);
    this.#tell(name, defect);
  }

  giveUp(): void {
    const { unaryTimeoutMs } = this.#runtime.limits;
    this.#endWith(plainStatus(Code.DEADLINE_EXCEEDED, `no answer within ${unaryTimeoutMs} ms`));
    this.#abort();
  }

  closed(): void {
    const { open, deadlines } = this.#runtime;
    open.closed(this);
    deadlines.remove(this);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#abort();
    this.#release();
  }

  get #isOpen(): boolean {
    return !this.#isOver && !streamIsClosed(this);
  }

  /** Of a call that had ended before its answer. A timer may be a millisecond early by the clock. */
  #lateStatus(): string {
    return this.#hasExpired || this.deadlineAtMs <= this.#runtime.clock.monotonicMs()
      ? 'DEADLINE_EXCEEDED'
      : 'CANCELLED';
  }

  /** From here on it waits for its client only. */
  #leave(): void {
    this.#isOver = true;
    this.#runtime.open.answered(this);
    this.#release();
  }

  #release(): void {
    this.#request.release();
    this.#message = undefined;
    this.#headers = undefined;
  }

  #abort(): void {
    this.#incoming?.abort(new ParamdError({ reason: 'CANCELLED' }));
  }

  #tell(status: string, defect?: Defect): void {
    if (this.#handledAtMs === undefined) return;
    const tookMs = this.#runtime.clock.monotonicMs() - this.#handledAtMs;
    this.#handledAtMs = undefined;
    this.#runtime.observer.ended(this.#method.path, tookMs, { status, peer: this.#connection.peer, ...defect });
  }
}

function ignore(): void {}

function arrive(this: CallStream, chunk: Buffer): void {
  this[CALL]!.arrive(chunk);
}

function ended(this: CallStream): void {
  this[CALL]!.end();
}

function closed(this: CallStream): void {
  this[CALL]!.closed();
}

function sendTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(TRAILERS);
}

function framed(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  message.copy(bytes, PREFIX_BYTES);
  return bytes;
}
