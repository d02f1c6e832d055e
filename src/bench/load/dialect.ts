import type { StreamCall } from './grpc-connection.ts';

/** The server answered, and not what it should. The message is the same for all of a kind. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

/** Calls of one kind of server as bytes, and what their answers say. */
export interface Dialect {
  /** Of one key. */
  read(key: string): Rpc;
  readMany(keys: readonly string[]): Rpc;
  /** The first page. */
  list(prefix: string, limit: number): Rpc;
  write(key: string, text: string): Rpc;
  /** All or nothing. */
  writeMany(keys: readonly string[], text: string): Rpc;
  /** Of all keys with the prefix. @param fromRevision undefined: from now on */
  watch(prefix: string, fromRevision?: number): StreamCall;
  /** Whether the watch has begun, and the revision of every event. */
  watched(message: Buffer): Watched;
}

export interface Rpc {
  readonly path: string;
  readonly request: Uint8Array;
  /** @throws WrongAnswer */
  check(answer: Buffer): Answer;
}

export interface Answer {
  /** What the call did: keys that it read or wrote. */
  readonly operations: number;
  /** Of a write. */
  readonly revision?: number;
  /** Where the answer came from, if the server says so. */
  readonly tier?: string | undefined;
}

export interface Watched {
  readonly revisions: readonly number[];
  /** Every event up to here was delivered. */
  readonly delivered: number;
}
