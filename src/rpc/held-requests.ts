// A client may send most of a large request on each of its streams and never the rest; grpc-js keeps all that has come, and
// four connections then hold 3 GB. So bytes of requests count from their arrival until their handlers are done with them
// (and nothing keeps them, however long the answers are not taken), and have a bound for each connection and for the
// process. Refusing whoever comes last is the naive way: a flood that holds all the room would have all others refused. So
// where the process has no room, a connection that holds much loses a request that has not come whole yet. Looking for the
// one that holds the most would cost each request a look at ten thousand connections; they are in rows by powers of two
// instead, and each of the first row holds more than half the most.
import type { Failure } from '../model/errors.ts';
import type { Connection } from './connections.ts';
import type { Runtime } from './runtime.ts';
import { statusName, statusOf } from './status-table.ts';
import { type BaseCall, closeStream, streamIsClosed } from './transport.ts';

const RETRY_MS = 1000;

/** A request as it arrives. */
export interface ArrivingRequest {
  readonly base: BaseCall;
  readonly path: string;
  /** Forgets what has come, and takes no more. */
  drop(): void;
}

export interface HeldRequests {
  /** Room for so many more bytes of it. @returns false: there is none, the call was refused */
  hold(request: ArrivingRequest, bytes: number): boolean;
  /** Nothing of it is kept any more. */
  release(request: ArrivingRequest): void;
  /** Ends a call before its handler has run. */
  refuse(request: ArrivingRequest, failure: Failure): void;
}

type Shared = Pick<Runtime, 'limits' | 'open' | 'connectionOf' | 'observer'>;

interface Holder {
  readonly requests: Map<ArrivingRequest, number>;
  bytes: number;
}

export function heldRequests({ limits, open, connectionOf, observer }: Shared): HeldRequests {
  const holders = new Map<Connection, Holder>();
  /** By the leading zeros of what they hold. */
  const rows = Array.from({ length: 32 }, () => new Set<Holder>());
  let heldBytes = 0;

  const add = (holder: Holder, bytes: number): void => {
    const before = Math.clz32(holder.bytes);
    holder.bytes += bytes;
    heldBytes += bytes;
    const after = Math.clz32(holder.bytes);
    if (before === after) return;
    rows[before]?.delete(holder);
    rows[after]?.add(holder);
  };

  const release = (request: ArrivingRequest, connection: Connection): void => {
    const holder = holders.get(connection);
    const bytes = holder?.requests.get(request);
    if (holder === undefined || bytes === undefined) return;
    holder.requests.delete(request);
    add(holder, -bytes);
    if (holder.requests.size === 0) holders.delete(connection);
  };

  const refuse = (request: ArrivingRequest, failure: Failure): void => {
    const { base, path } = request;
    request.drop();
    const connection = connectionOf(base);
    release(request, connection);
    if (streamIsClosed(base)) return;
    const status = statusOf(failure);
    open.settled(base);
    base.sendStatus(status);
    closeStream(base);
    observer.started(path);
    observer.ended(path, 0, { status: statusName(status.code), peer: connection.peer });
  };

  /** Of those who hold much: with some of them, all may be whole. */
  const firstUnfinished = (): ArrivingRequest | undefined => {
    for (const { requests } of rows.find(({ size }) => size > 0) ?? []) {
      for (const request of requests.keys()) if (open.isUnfinished(request.base)) return request;
    }
    return undefined;
  };

  /** @returns false: it was this very request that had to go, or none can */
  const makeRoom = (request: ArrivingRequest, bytes: number): boolean => {
    const failure = noRoom('held_request_bytes', limits.heldRequestBytesMax);
    while (heldBytes + bytes > limits.heldRequestBytesMax) {
      const unfinished = firstUnfinished();
      refuse(unfinished ?? request, failure);
      if (unfinished === undefined || unfinished === request) return false;
    }
    return true;
  };

  return {
    refuse,
    release: (request) => release(request, connectionOf(request.base)),
    hold(request, bytes) {
      const { base } = request;
      if (streamIsClosed(base)) return false;
      const connection = connectionOf(base);
      const maximum = limits.heldRequestBytesPerConnectionMax;
      if ((holders.get(connection)?.bytes ?? 0) + bytes > maximum) {
        refuse(request, noRoom('held_request_bytes_per_connection', maximum));
        return false;
      }
      if (!makeRoom(request, bytes)) return false;
      let holder = holders.get(connection);
      if (holder === undefined) {
        holder = { requests: new Map(), bytes: 0 };
        holders.set(connection, holder);
      }
      const before = holder.requests.get(request);
      if (before === undefined) base.stream.once('close', () => release(request, connection));
      holder.requests.set(request, (before ?? 0) + bytes);
      add(holder, bytes);
      return true;
    },
  };
}

function noRoom(limit: string, maximum: number): Failure {
  return { reason: 'RATE_LIMITED', limit, maximum, retryMs: RETRY_MS };
}
