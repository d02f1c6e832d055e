import { connect } from '../../client/index.ts';
import { checkHolds, numberAt, numberKey, PREFIX } from './numbers.ts';

export interface RetainedBytes {
  readonly cachePerParameter: number;
  readonly mapPerParameter: number;
}

/** What stays on the heap for each parameter, in a process of its own with --expose-gc. */
export async function retainedBytes(target: string, count: number): Promise<RetainedBytes> {
  const client = connect({ target });
  await client.get(numberKey(0)); // what the first call loads and keeps is the client's, not the parameters'
  const before = await heapBytes();
  const cache = client.cache({ prefixes: [PREFIX], log: () => {} });
  await cache.ready({ timeoutMs: 60_000 });
  const cachePerParameter = ((await heapBytes()) - before) / count;
  checkHolds(cache, count, 'CACHE');
  client.close();
  await cache.close();
  const beforeMap = await heapBytes();
  const map = new Map<string, number>();
  // As keys come from the network: out of bytes.
  for (let index = 0; index < count; index++) map.set(Buffer.from(numberKey(index)).toString(), numberAt(index));
  const mapPerParameter = ((await heapBytes()) - beforeMap) / count;
  if (map.size !== count || cache.size !== count) throw new Error('what was to be weighed is not there');
  return { cachePerParameter, mapPerParameter };
}

/** Until nothing more is found to collect: some is only freed by a turn of the event loop. */
async function heapBytes(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('this must run with --expose-gc');
  for (let bytes = Number.POSITIVE_INFINITY; ; ) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    if (heapUsed + external > bytes * 0.999) return heapUsed + external;
    bytes = heapUsed + external;
  }
}
