// What the near cache of a replica really takes, in a process of its own: one filling, told by its first message. It is
// the resident memory that counts: the heap does not know what its buffers take beside it. --expose-gc, and
// --max-semi-space-size=1, so that the place for new objects does not grow meanwhile.
import { readFileSync } from 'node:fs';
import { ABSENT_SHARE, NearCache, type NearCachePolicy } from '../../core/cache/near-cache.ts';

export interface Filling {
  readonly policy: NearCachePolicy;
  readonly valueBytes: number;
  readonly entries: number;
}

export interface HeldBytes {
  readonly entries: number;
  /** As the cache counts them. */
  readonly counted: number;
  /** By which the process grew: the heap, buffers beside it, and what keeps their books. */
  readonly taken: number;
}

const BYTES_MAX = 2 ** 40;

process.once('message', async (filling: Filling) => {
  process.send?.(await heldBytes(filling), () => process.exit(0));
});

async function heldBytes({ policy, valueBytes, entries }: Filling): Promise<HeldBytes> {
  const fill = (cache: NearCache, count: number, valueBytes: number) => {
    for (let at = 0; at < count; at++) {
      // As they come from the network: keys out of bytes, and a buffer of its own for each parameter.
      const key = Buffer.from(`app:bench:${String(at).padStart(20, '0')}`).toString();
      const encoded = Buffer.allocUnsafeSlow(valueBytes).fill(1);
      cache.set(key, { encoded, revision: BigInt(at + 1), expiresAtMs: performance.now() + 0.5, ttlMs: 3_600_000 });
    }
  };
  fill(new NearCache(policy, { entriesMax: 100, bytesMax: BYTES_MAX }), 2000, 1); // what the compiler keeps is not the cache's
  const before = await residentBytes();
  const cache = new NearCache(policy, { entriesMax: Math.ceil(entries / (1 - ABSENT_SHARE)) + 1, bytesMax: BYTES_MAX });
  fill(cache, entries, valueBytes);
  const after = await residentBytes();
  return { entries: cache.entries, counted: cache.bytes, taken: after - before };
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
