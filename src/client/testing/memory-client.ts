import type { Value } from '../../../gen/parameter/v1/parameter.ts';
import { startLastSeen } from '../last-seen.ts';
import { openNearCache } from '../near-cache/open-near-cache.ts';
import type { ParamdClient } from '../paramd-client.ts';
import type { NativeValue } from '../values.ts';
import { MemoryClock } from './memory-clock.ts';
import { ofNearCaches, ofUsers, setOf } from './memory-methods.ts';
import { MemoryServer } from './memory-server.ts';
import { type MemoryCall, type Method, ServerLink } from './server-link.ts';

/**
 * A client that needs no server, for unit tests: it keeps and refuses what paramd keeps and refuses, with the same
 * errors. Nothing takes time in it: what was awaited, is done.
 */
export interface MemoryClient extends ParamdClient {
  /** All calls so far, oldest first, without those that near caches make by themselves. Yours to empty. */
  readonly calls: MemoryCall[];
  /**
   * While true no server can be reached: calls fail UNAVAILABLE, watches break. They go on where they were once it is
   * false again.
   */
  unavailable: boolean;
  /** The time of writes and of request ids, and that of the near caches. It stands still; see `advance`. */
  readonly now: Date;
  /**
   * Lets time pass: near caches ask for the head, answers grow old, waiting for them times out. Resolves when all that
   * became due has happened.
   */
  advance(ms: number): Promise<void>;
  /** The next call of the method fails, whatever it asks; of several failures each is used once, in order. */
  failNext(method: Method, error: Error): void;
  /** Forgets the history up to the revision, by default all: lists and watches behind it learn REVISION_COMPACTED. */
  compact(revision?: bigint): void;
}

export interface MemoryClientSettings {
  /** Recorded as updated_by of writes. */
  readonly actor?: string | undefined;
  /** The time at first, by default 2026-01-01T00:00:00Z. */
  readonly now?: Date | undefined;
}

/**
 * @param contents set one after the other, at the revisions 1n, 2n …
 * @throws ParamdRpcError, RangeError or TypeError if one of them could not be stored
 */
export function memoryClient(
  contents: Readonly<Record<string, NativeValue | Value>> = {},
  { actor = '', now = new Date('2026-01-01T00:00:00Z') }: MemoryClientSettings = {},
): MemoryClient {
  const clock = new MemoryClock(now);
  const server = new MemoryServer(clock, actor);
  const link = new ServerLink(() => server.history.wake());
  const lastSeen = startLastSeen(true);
  const way = { server, link, lastSeen };
  for (const [key, value] of Object.entries(contents)) server.set(setOf(key, value, {}));
  return {
    ...ofUsers(way),
    cache: (settings) => openNearCache(ofNearCaches(way), settings, clock, link.closed),
    get lastSeenRevision() {
      return lastSeen.revision;
    },
    close: () => link.close(),

    calls: link.calls,
    get unavailable() {
      return link.unavailable;
    },
    set unavailable(on) {
      link.unavailable = on;
    },
    get now() {
      return new Date(clock.wallMs());
    },
    advance: (ms) => clock.advance(ms),
    failNext: (method, error) => link.failNext(method, error),
    compact: (revision = server.history.head) => server.history.compact(revision),
  };
}
