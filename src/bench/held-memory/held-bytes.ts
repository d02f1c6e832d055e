// What the near cache of a replica really takes, in a process of its own: one filling, told by its first message. It is
// the resident memory that counts: the heap does not know what its buffers take beside it. --expose-gc, and
// --max-semi-space-size=1, so that the place for new objects does not grow meanwhile.
import { readFileSync } from 'node:fs';
import { ABSENT_SHARE, NearCache, type NearCachePolicy } from '../../core/cache/near-cache.ts';

export interface Filling {
  readonly policy: NearCachePolicy;
  readonly valueBytes: number;
  /** At most: the first that would evict another one is the last. */
  readonly entries: number;
  /** Of the cache; undefined: there is room for all. */
  readonly bytesMax?: number;
  /** So many times as many entries go through it afterwards. */
  readonly turnover?: number;
}

export interface HeldBytes {
  readonly entries: number;
  /** As the cache counts them. */
  readonly counted: number;
  /** By which the process grew: the heap, buffers beside it, and what keeps their books. */
  readonly taken: number;
  /** The same after the turnover, with the room that was garbage and that the process keeps. */
  readonly takenAfterTurnover: number;
}

const UNBOUNDED = 2 ** 40;
/** Of a turnover, before the event loop has a turn. */
const ENTRIES_PER_TURN = 200;

process.once('message', async (filling: Filling) => {
  process.send?.(await heldBytes(filling), () => process.exit(0));
});

async function heldBytes(filling: Filling): Promise<HeldBytes> {
  const { policy, valueBytes, entries, bytesMax = UNBOUNDED, turnover = 0 } = filling;
  const warmUp = new NearCache(policy, { entriesMax: 100, bytesMax: UNBOUNDED }); // what the compiler keeps is not the cache's
  for (let at = 0; at < 2000; at++) put(warmUp, at, 1);
  const before = await residentBytes();
  const cache = new NearCache(policy, { entriesMax: Math.ceil(entries / (1 - ABSENT_SHARE)) + 1, bytesMax });
  let next = 0;
  while (next < entries && cache.evictions === 0) put(cache, next++, valueBytes);
  const filled = { entries: cache.entries, counted: cache.bytes, taken: (await residentBytes()) - before };
  for (const end = next * (1 + turnover); next < end; next++) {
    if (next % ENTRIES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    put(cache, next, valueBytes);
  }
  return { ...filled, takenAfterTurnover: (await residentBytes()) - before };
}

/** As they come from the network: keys out of bytes, and a buffer of its own for each parameter. */
function put(cache: NearCache, at: number, valueBytes: number): void {
  const key = Buffer.from(`app:bench:${String(at).padStart(20, '0')}`).toString();
  const encoded = Buffer.allocUnsafeSlow(valueBytes).fill(1);
  cache.set(key, { encoded, revision: BigInt(at + 1), expiresAtMs: performance.now() + 0.5, ttlMs: 3_600_000 });
}

/** Until nothing more is found to collect: some is only freed by a turn of the event loop. */
async function residentBytes(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('this must run with --expose-gc');
  for (let before = Number.POSITIVE_INFINITY; ; ) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    if (heapUsed + external > before * 0.999) break;
    before = heapUsed + external;
  }
  // But for what files are mapped.
  const [, kib] = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) * 1024;
}
