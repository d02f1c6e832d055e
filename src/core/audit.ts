import type { Telemetry } from '../ports/telemetry.ts';
import type { CacheView } from './cache/cache-view.ts';
import type { StoreReads } from './store-reads.ts';
import type { Tailer } from './watch/tailer.ts';

const SAMPLE_KEYS = 50;
/** A sample of larger values is not taken. */
const SAMPLE_BYTES_MAX = 8 << 20;

export interface AuditOptions {
  readonly view: CacheView;
  readonly reads: StoreReads;
  readonly tailer: Tailer;
  readonly telemetry: Telemetry;
  readonly random: () => number;
}

/**
 * Compares some entries of the near cache with the store: an observer that does not trust the cache. An inconsistency is
 * a defect of ours and never to be expected.
 * @returns how many of how many differ
 */
export async function audit({ view, reads, tailer, telemetry, random }: AuditOptions): Promise<AuditResult> {
  const all = [...view.near.keys()];
  const start = Math.floor(random() * Math.max(1, all.length - SAMPLE_KEYS));
  const keys = all.slice(start, start + SAMPLE_KEYS);
  if (keys.length === 0) return { sampled: 0, inconsistent: 0 };
  const { head, parameters } = await reads.read(keys, SAMPLE_BYTES_MAX);
  await tailer.reached(head.revision);
  let sampled = 0;
  let inconsistent = 0;
  for (const key of keys) {
    // Only what has not changed since the store was read can be compared.
    const entry = view.near.peek(key);
    if (entry === undefined || !view.isCurrent(key, head.revision)) continue;
    sampled += 1;
    const parameter = parameters.get(key);
    const same = entry.encoded === null ? parameter === undefined : parameter?.revision === entry.revision;
    if (same) continue;
    inconsistent += 1;
    telemetry.log('error', 'the near cache differs from the store: please report this', {
      key,
      cachedRevision: entry.revision,
      storedRevision: parameter?.revision ?? 0n,
    });
  }
  telemetry.add('audit_sampled', sampled);
  telemetry.add('audit_inconsistent', inconsistent);
  return { sampled, inconsistent };
}

export interface AuditResult {
  readonly sampled: number;
  readonly inconsistent: number;
}
