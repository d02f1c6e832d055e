// Cuts the messages of one call out of its stream, in the place of grpc-js's own decoder. That one keeps the slices that
// it is given, each of which keeps the whole read of up to 64 KiB that it is part of: one byte in every read then holds
// 64 KiB each. And it cuts as many messages as come, and inflates all of them at once. Here bytes are copied into a buffer
// of the call's own, which grows as they come and is counted, and nothing is cut that nobody will read.
import { status as Code } from '@grpc/grpc-js';
import type { ArrivingRequest, HeldRequests } from './held-requests.ts';
import { plainStatus } from './status-table.ts';
import type { BaseCall, Decoder } from './transport.ts';

/** Whether it is compressed, and its length. */
const HEADER_BYTES = 5;
const NONE = Buffer.alloc(0);
/** Smaller requests are not counted: a thousand of them are 4 MiB. */
const COUNTED_BYTES_MIN = 4 << 10;
/** The second message of a call that has one is told of; a third is not looked at. */
const MESSAGES_MAX = 2;

/** Of streams of questions, each of which is answered before the next one is read. */
export const QUESTIONS = { bytesMax: 16 << 10, waitingMax: 100 } as const;

/** A class, as every call has one, and nearly all are done with the first bytes that come. */
export class RequestDecoder implements Decoder, ArrivingRequest {
  readonly base: BaseCall;
  readonly path: string;
  /** Messages that nobody has taken yet, where a call has many, small and not compressed; else it has one. */
  readonly #waiting: { readonly length: number } | undefined;
  readonly #bytesMax: number;
  readonly #held: HeldRequests;
  #message = NONE;
  #length = 0;
  #size = HEADER_BYTES;
  #messages = 0;
  #heldBytes = 0;
  #countedBytes = 0;
  /** What comes now is not looked at. */
  #isOver = false;
  #isDropped = false;

  constructor(
    base: BaseCall,
    path: string,
    requestBytesMax: number,
    held: HeldRequests,
    waiting?: { readonly length: number },
  ) {
    this.base = base;
    this.path = path;
    this.#bytesMax = waiting === undefined ? requestBytesMax : QUESTIONS.bytesMax;
    this.#held = held;
    this.#waiting = waiting;
  }

  /** @returns messages that are whole with it, each with its header */
  write(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    for (let at = 0; at < chunk.length && !this.#isOver; ) {
      if (this.#length === 0 && chunk.length - at >= HEADER_BYTES) this.#begin(chunk, at);
      const wanted = Math.min(this.#size - this.#length, chunk.length - at);
      if (this.#isOver || !this.#grow(this.#length + wanted)) break;
      chunk.copy(this.#message, this.#length, at, at + wanted);
      this.#length += wanted;
      at += wanted;
      if (this.#length === HEADER_BYTES) this.#begin(this.#message, 0);
      if (this.#length === this.#size && !this.#isOver) messages.push(this.#end(messages.length));
    }
    if (this.#waiting !== undefined && messages.length > 0) this.#readOn();
    return messages;
  }

  /** Counts bytes that are kept of this call. @returns false: it was refused, keep none of them */
  hold(bytes: number): boolean {
    if (this.#isDropped) return false;
    this.#heldBytes += bytes;
    if (this.#heldBytes < COUNTED_BYTES_MIN) return true;
    const uncounted = this.#heldBytes - this.#countedBytes;
    this.#countedBytes = this.#heldBytes;
    return this.#held.hold(this, uncounted);
  }

  drop(): void {
    this.#isOver = true;
    this.#isDropped = true;
    this.#message = NONE;
  }

  release(): void {
    this.drop();
    if (this.#countedBytes > 0) this.#held.release(this);
  }

  /**
   * grpc-js reads no further before a message is taken, and then what comes waits as the reads that it is part of: here
   * it is copied and counted. It does so right after this.
   */
  #readOn(): void {
    process.nextTick(() => this.base.stream.resume());
  }

  /** Takes what the header says. */
  #begin(bytes: Buffer, at: number): void {
    const flag = bytes[at] ?? 0;
    const size = bytes.readUInt32BE(at + 1);
    if (flag > 1 || (flag === 1 && this.base.incomingEncoding === 'identity')) {
      this.#endWith(Code.INTERNAL, 'the message is flagged as compressed, but grpc-encoding names no compression');
    } else if (flag === 1 && this.#waiting !== undefined) {
      this.#endWith(Code.UNIMPLEMENTED, 'messages of this stream are taken uncompressed only');
    } else if (size > this.#bytesMax) {
      this.#endWith(Code.RESOURCE_EXHAUSTED, `Received message larger than max (${size} vs ${this.#bytesMax})`);
    }
    this.#size = HEADER_BYTES + size;
  }

  #end(cutBefore: number): Buffer {
    const message = this.#message;
    this.#message = NONE;
    this.#length = 0;
    this.#size = HEADER_BYTES;
    this.#messages += 1;
    if (this.#waiting === undefined) this.#isOver = this.#messages === MESSAGES_MAX;
    else if (this.#waiting.length + cutBefore >= QUESTIONS.waitingMax) {
      this.#endWith(
        Code.RESOURCE_EXHAUSTED,
        `more than ${QUESTIONS.waitingMax} questions before their answers are read`,
      );
    }
    return message;
  }

  #endWith(code: Code, message: string): void {
    this.drop();
    this.base.sendStatus(plainStatus(code, message));
  }

  /** Doubles, so that bytes are copied twice on the average however small they come. */
  #grow(needed: number): boolean {
    const before = this.#message.length;
    if (needed <= before) return true;
    const capacity = Math.min(this.#size, Math.max(needed, 2 * before));
    if (!this.hold(capacity - before)) return false;
    const grown = Buffer.allocUnsafe(capacity);
    this.#message.copy(grown, 0, 0, this.#length);
    this.#message = grown;
    return true;
  }
}
