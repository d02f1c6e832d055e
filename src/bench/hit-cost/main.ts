// `node src/bench/hit-cost/main.ts`: what a hit of the near cache of a replica costs under each policy, beside a plain Map.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { NEAR_CACHE_POLICIES, NearCache, type NearCachePolicy, type NearEntry } from '../../core/cache/near-cache.ts';
import { markdownTable } from '../markdown-table.ts';
import { median } from '../quantile.ts';

const KEYS = [1_000, 100_000];
const READS = 1_000_000;
const ROUNDS = 8;
const ROUNDS_TO_WARM_UP = 4;
const PROCESSES = 3;

type Holder = NearCachePolicy | 'map';

if (process.argv[2] === undefined) console.log(await report());
else process.send?.(costNs(process.argv[2] as Holder, Number(process.argv[3])));

/** Each in processes of its own, in turn: the compiler has seen one policy only, as in a replica. */
async function report(): Promise<string> {
  const holders = ['map', ...Object.keys(NEAR_CACHE_POLICIES)] as Holder[];
  const costs = new Map<string, number[]>();
  for (let time = 0; time < PROCESSES; time++) {
    for (const keys of KEYS) {
      for (const holder of holders) {
        const child = fork(import.meta.filename, [holder, String(keys)]);
        const [cost] = (await once(child, 'message')) as [number];
        costs.set(`${holder} ${keys}`, [...(costs.get(`${holder} ${keys}`) ?? []), cost]);
      }
    }
  }
  const cells = (holder: Holder) => KEYS.map((keys) => `${median(costs.get(`${holder} ${keys}`)!).toFixed(0)} ns`);
  const heading = ['', ...KEYS.map((keys) => `${keys.toLocaleString('en')} keys`)];
  return markdownTable([heading, ...holders.map((holder) => [holder, ...cells(holder)])]).join('\n');
}

/** In random order, some keys more often than others; keys looked up are other strings than those held, as in a replica. */
function costNs(holder: Holder, count: number): number {
  const keys = Array.from({ length: count }, (_, at) => `app:bench:${String(at).padStart(20, '0')}`);
  const entry: NearEntry = { encoded: new Uint8Array(8), revision: 1n, expiresAtMs: 1, ttlMs: 1 };
  const limits = { entriesMax: count * 2, bytesMax: 2 ** 40 };
  const cache = holder === 'map' ? new Map<string, NearEntry>() : new NearCache(holder, limits);
  for (const key of keys) cache.set(key, { ...entry });
  const asked = Array.from({ length: READS }, () =>
    Buffer.from(keys[Math.floor(Math.random() ** 2 * count)]!).toString(),
  );
  const rounds = Array.from({ length: ROUNDS_TO_WARM_UP + ROUNDS }, () => {
    const startedMs = performance.now();
    let hits = 0;
    for (let at = 0; at < asked.length; at++) if (cache.get(asked[at]!) !== undefined) hits += 1;
    if (hits !== READS) throw new Error('a key that was set was not found');
    return ((performance.now() - startedMs) * 1e6) / READS;
  });
  return median(rounds.slice(ROUNDS_TO_WARM_UP));
}
