// `node src/bench/held-memory/main.ts`: what the near cache of a replica takes beside what it counts, which is what its
// bound bounds. Linux only.
import { NEAR_CACHE_POLICIES, type NearCachePolicy } from '../../core/cache/near-cache.ts';
import { markdownTable } from '../markdown-table.ts';
import { measureHeldBytes } from './measure-held-bytes.ts';

const VALUE_BYTES = [10, 100, 1 << 10, 10 << 10, 100 << 10];
const ENTRIES_MAX = 100_000;
const PAYLOAD_BYTES_MAX = 512 << 20;

const rows = [['policy', 'encoded bytes', 'entries', 'counted per entry', 'taken per entry', 'taken of counted']];
for (const policy of Object.keys(NEAR_CACHE_POLICIES) as NearCachePolicy[]) {
  for (const valueBytes of VALUE_BYTES) {
    const asked = Math.min(ENTRIES_MAX, Math.floor(PAYLOAD_BYTES_MAX / valueBytes));
    const { entries, counted, taken } = await measureHeldBytes({ policy, valueBytes, entries: asked });
    const perEntry = (bytes: number) => Math.round(bytes / entries).toLocaleString('en');
    const share = `${((taken / counted) * 100).toFixed(1)} %`;
    const sizes = [valueBytes, entries].map((n) => n.toLocaleString('en'));
    rows.push([policy, ...sizes, perEntry(counted), perEntry(taken), share]);
  }
}
console.log(markdownTable(rows).join('\n'));
