import type { Parameter } from '../../model/parameter.ts';
import type { Head } from '../../model/revision.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { ParameterCodec } from '../../ports/codec.ts';
import type { SharedCache, SharedEntry } from '../../ports/shared-cache.ts';
import type { Store } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { CacheView } from '../cache/cache-view.ts';
import type { NearEntry } from '../cache/near-cache.ts';
import type { StoreReads } from '../store-reads.ts';
import { within } from '../waiting.ts';
import type { Tailer } from '../watch/tailer.ts';
import { type Claim, isSame, judgeClaim } from './judge-claim.ts';

/** Of each tier in one audit. */
const SAMPLE_KEYS = 50;
/** Of each tier's values; the rest of a sample has its turn another time. */
const SAMPLE_BYTES_MAX = 4 << 20;
/** What the store may answer: values may have grown since. */
const STORED_BYTES_MAX = 32 << 20;
/** For what the store has to be applied here: there is another audit, and an outage may last. */
const REACH_MS_MAX = 5_000;
/** Entries of the log that one audit reads, for what was superseded. */
const LOG_READS_MAX = 10;

export interface AuditorOptions {
  readonly view: CacheView;
  readonly shared: SharedCache;
  readonly store: Store;
  readonly reads: StoreReads;
  readonly tailer: Tailer;
  readonly codec: ParameterCodec;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}

export interface AuditResult {
  /** `late`: what the store has was not applied here in time; `epoch-changed`: what was sampled had ended with its epoch. */
  readonly outcome: 'compared' | 'late' | 'epoch-changed';
  /** Entries of the near cache, and of the shared one, that were compared. */
  readonly near: number;
  readonly shared: number;
  /** Of both. */
  readonly inconsistent: number;
}

const NOTHING = { near: 0, shared: 0, inconsistent: 0 };

interface Sample {
  readonly near: ReadonlyMap<string, NearEntry>;
  readonly shared: ReadonlyMap<string, SharedEntry>;
}

/**
 * An observer that does not trust the caches. Samples of both are compared with what the store has; what differs is a
 * defect of ours, and never to be expected. It is counted by how long it has been so, told in the log, and dropped, so
 * that it does no more harm.
 *
 * The near cache claims of every entry that it is current at `applied`. To hold it to that without asking the rule that
 * it keeps: an entry that was there before the store was read, and is when what was read is applied, was current at what
 * was read. An entry of the shared cache says itself at which revision it was current; changed since, it is held against
 * the log.
 */
export class Auditor {
  readonly #options: AuditorOptions;
  readonly #startedAtMs: number;

  constructor(options: AuditorOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.monotonicMs();
  }

  /** @throws StoreError */
  async audit(): Promise<AuditResult> {
    const { reads, tailer, view, clock, telemetry } = this.#options;
    const { epoch } = tailer.history;
    const sample = { near: this.#sampleNear(), shared: await this.#sampleShared() };
    const keys = [...new Set([...sample.near.keys(), ...sample.shared.keys()])];
    if (keys.length === 0) return { outcome: 'compared', ...NOTHING };
    const { head, parameters } = await reads.read(keys, STORED_BYTES_MAX);
    const patience = { deadlineAtMs: clock.monotonicMs() + REACH_MS_MAX };
    if ((await within(tailer.reached(head.revision), clock, patience)) === 'late') {
      return { outcome: 'late', ...NOTHING };
    }
    if (tailer.history.epoch.id !== epoch.id || view.applied < head.revision) {
      return { outcome: 'epoch-changed', ...NOTHING };
    }
    const near = this.#nearClaims(sample.near, head);
    const shared = this.#sharedClaims(sample.shared);
    const inconsistent = await this.#compare([...near, ...shared], parameters);
    telemetry.add('audit_sampled', near.length + shared.length);
    return { outcome: 'compared', near: near.length, shared: shared.length, inconsistent };
  }

  /** Neighbours in the order of use, from any place. */
  #sampleNear(): Map<string, NearEntry> {
    const { near } = this.#options.view;
    let skip = Math.floor(this.#options.random() * Math.max(1, near.entries - SAMPLE_KEYS));
    const sample = new Map<string, NearEntry>();
    let bytes = 0;
    for (const key of near.keys()) {
      if (skip-- > 0) continue;
      const entry = near.peek(key);
      bytes += entry?.encoded?.length ?? 0;
      if (sample.size === SAMPLE_KEYS || (sample.size > 0 && bytes > SAMPLE_BYTES_MAX)) break;
      if (entry !== undefined) sample.set(key, entry);
    }
    return sample;
  }

  async #sampleShared(): Promise<Map<string, SharedEntry>> {
    const { shared } = this.#options;
    const sample = new Map<string, SharedEntry>();
    let bytes = 0;
    for (const key of await shared.sample(SAMPLE_KEYS)) {
      const entry = await shared.get(key);
      bytes += entry?.encoded?.length ?? 0;
      if (sample.size > 0 && bytes > SAMPLE_BYTES_MAX) break;
      if (entry !== undefined) sample.set(key, entry);
    }
    return sample;
  }

  #nearClaims(sample: Sample['near'], head: Head): Claim[] {
    const { near } = this.#options.view;
    return [...sample]
      .filter(([key, entry]) => near.peek(key) === entry)
      .map(([key, { encoded }]) => {
        return { tier: 'near-cache', key, parameter: this.#decoded(encoded), asOf: head.revision, usable: true };
      });
  }

  #sharedClaims(sample: Sample['shared']): Claim[] {
    return [...sample].map(([key, { encoded, asOf }]) => {
      const usable = this.#options.view.isCurrent(key, asOf);
      return { tier: 'shared-cache', key, parameter: this.#decoded(encoded), asOf, usable };
    });
  }

  #decoded(encoded: Uint8Array | null): Parameter | undefined {
    return encoded === null ? undefined : this.#options.codec.decode(encoded);
  }

  /** @returns how many are wrong */
  async #compare(claims: readonly Claim[], stored: ReadonlyMap<string, Parameter>): Promise<number> {
    let wrong = 0;
    let logReads = 0;
    for (const claim of claims) {
      const there = stored.get(claim.key);
      let verdict = judgeClaim(claim, there);
      if (verdict === 'superseded' && claim.parameter !== undefined && logReads < LOG_READS_MAX) {
        logReads += 1;
        if (!(await this.#wasSo(claim.parameter))) verdict = 'wrong';
      }
      if (verdict !== 'wrong') continue;
      wrong += 1;
      this.#tell(claim, there);
      await this.#drop(claim);
    }
    return wrong;
  }

  /** By the log. What is compacted cannot be told any more. */
  async #wasSo(parameter: Parameter): Promise<boolean> {
    const entry = await this.#options.store.readEntry(parameter.revision);
    if (entry === undefined) return true;
    const event = entry.events.find(({ key }) => key === parameter.key);
    return event?.type === 'put' && isSame(event.parameter, parameter);
  }

  #tell({ tier, key, parameter, asOf }: Claim, stored: Parameter | undefined): void {
    const { telemetry } = this.#options;
    const ageMs = this.#ageMs(stored);
    telemetry.add('audit_inconsistent');
    telemetry.observe('audit_inconsistent_age_seconds', ageMs / 1000);
    telemetry.log('error', 'a cached entry differs from the store: please report this', {
      key,
      tier,
      cachedRevision: parameter?.revision ?? 0n,
      asOf,
      storedRevision: stored?.revision ?? 0n,
      ageMs: Math.round(ageMs),
    });
  }

  /** Since the store has what it has. When a key was deleted is not kept: at most since this replica runs. */
  #ageMs(stored: Parameter | undefined): number {
    const { clock } = this.#options;
    if (stored === undefined) return clock.monotonicMs() - this.#startedAtMs;
    return Math.max(0, clock.wallMs() - Number(stored.updateTimeUs / 1000n));
  }

  async #drop({ tier, key }: Claim): Promise<void> {
    const { view, shared } = this.#options;
    if (tier === 'near-cache') view.near.delete(key);
    else await shared.drop(key);
  }
}
