import type { Freshness, Tier } from '../../model/errors.ts';
import { newer } from '../../model/revision.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Call, Consistency, Read } from '../api.ts';
import { within } from '../waiting.ts';
import type { Tailer } from '../watch/tailer.ts';
import type { CacheView, Content } from './cache-view.ts';
import type { Lease } from './lease.ts';
import type { NearEntry } from './near-cache.ts';
import { callerError, isUnreachable, type Need, needOf, STORED } from './need.ts';
import type { Proof } from './proof.ts';
import type { SharedLookup } from './shared-lookup.ts';
import type { StoreLoader } from './store-loader.ts';

export interface ReadPathOptions {
  readonly view: CacheView;
  readonly lookup: SharedLookup;
  readonly loader: StoreLoader;
  readonly tailer: Tailer;
  readonly lease: Lease;
  readonly proof: Proof;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** Z: how old an answer may be where the call says nothing. */
  readonly stalenessMs: number;
}

/** Before an entry expires it is loaded again with a chance that grows as the end comes near (XFetch). */
const EARLY_REFRESH_MS = 1000;
/** How long a load takes, for XFetch: longer means earlier. */
const LOAD_ESTIMATE_MS = 20;

/** GetParameter: near cache → shared cache → store. A miss fills the tiers above. */
export class ReadPath {
  readonly #options: ReadPathOptions;

  constructor(options: ReadPathOptions) {
    this.#options = options;
  }

  /** A hit is an answer at once: a promise would cost as much as the look-up. */
  get(key: string, consistency: Consistency, call: Call): Read | Promise<Read> {
    const { view, proof, tailer, stalenessMs, telemetry } = this.#options;
    const need = needOf(consistency, call, stalenessMs);
    const entry = view.held(key);
    if (entry !== undefined) {
      if (proof.holds(need)) {
        telemetry.add('near_hits');
        this.#refreshEarly(key, entry, call.startedAtMs);
        return this.#cached(entry.encoded, 'near-cache');
      }
      tailer.hurry();
    }
    return this.#find(key, need);
  }

  async #find(key: string, need: Need): Promise<Read> {
    const { tailer, proof } = this.#options;
    try {
      if (proof.seemsLost(need)) await proof.establish(need);
      // Known to be away: whoever may take the best known answer need not wait for the next failure.
      if (need.mayDegrade && !tailer.storeReachable && !proof.holds(need)) {
        const known = await this.#degraded(key, need);
        if (known !== undefined) return known;
      }
      // During the lookup another caller's load may have ended: without a look at what it brought there would be two.
      return (await this.#fromCaches(key, need)) ?? this.#held(key, need) ?? (await this.#fromStore(key, need));
    } catch (error) {
      const known = isUnreachable(error) && need.mayDegrade ? await this.#degraded(key, need) : undefined;
      if (known === undefined) throw callerError(error);
      return known;
    }
  }

  /** What the caches hold, with proof. Undefined: a miss, or changed while the proof was awaited. */
  async #fromCaches(key: string, need: Need): Promise<Read | undefined> {
    const { view, proof, lease, tailer, telemetry } = this.#options;
    if (view.held(key) !== undefined) {
      await proof.establish(need);
      const held = this.#held(key, need);
      if (held !== undefined) {
        telemetry.add('near_hits');
        return held;
      }
    }
    telemetry.add('near_misses');
    // A load brings its own proof in one round trip; only a miss after it would make two.
    if (need.linearizable) return undefined;
    // Side by side with the lookup, whose content will need it.
    if (!lease.provenSince(need.sinceMs)) tailer.head(need.sinceMs).catch(() => {});
    const content = await this.#lookUp(key, need);
    if (content === undefined) return undefined;
    await proof.establish(need);
    if (!view.isCurrent(key, content.asOf) || !proof.holds(need)) return undefined;
    return this.#cached(content.encoded, 'shared-cache');
  }

  #held(key: string, need: Need): Read | undefined {
    const { view, proof } = this.#options;
    const entry = view.held(key);
    return entry !== undefined && proof.holds(need) ? this.#cached(entry.encoded, 'near-cache') : undefined;
  }

  async #lookUp(key: string, need: Need): Promise<Content | undefined> {
    const { view, lookup, clock, telemetry } = this.#options;
    // A Valkey that is frozen never makes an answer late.
    const content = await within(lookup.get(key), clock, { deadlineAtMs: need.callDeadlineAtMs });
    const usable = content !== undefined && content !== 'late' && view.keep(key, content);
    telemetry.add(usable ? 'shared_hits' : 'shared_misses');
    return usable ? content : undefined;
  }

  async #fromStore(key: string, need: Need): Promise<Read> {
    const { view, loader, proof, clock } = this.#options;
    const atLeast = newer(need.atLeast, view.leastAsOf(key));
    const patience = { deadlineAtMs: need.callDeadlineAtMs, signal: need.call.signal };
    const loaded = await loader.load(key, { ...need, atLeast }, patience);
    if (loaded === 'late') throw proof.late(need, STORED);
    proof.refuseLost(need, loaded.asOf);
    const freshness = {
      revision: loaded.asOf,
      servedFrom: 'store',
      stalenessBoundMs: clock.monotonicMs() - loaded.startedAtMs,
      degraded: false,
    } as const;
    return { parameter: loaded.encoded, freshness };
  }

  /** C7: the best known answer, with its true age. Undefined: there is none that reflects what it must. */
  async #degraded(key: string, need: Need): Promise<Read | undefined> {
    const { view, tailer, lease, proof, telemetry } = this.#options;
    if (!proof.reflects(need) || view.floors.of(key) > tailer.applied) return undefined;
    const entry = view.known(key) ?? (await this.#lookUp(key, need));
    const ageMs = lease.ageMs();
    if (entry === undefined || !Number.isFinite(ageMs) || !proof.reflects(need)) return undefined;
    if ('asOf' in entry && !view.isCurrent(key, entry.asOf)) return undefined;
    if (!lease.provenSince(need.sinceMs)) telemetry.add('degraded_answers');
    return {
      parameter: entry.encoded,
      freshness: {
        revision: tailer.applied,
        servedFrom: 'asOf' in entry ? 'shared-cache' : 'near-cache',
        stalenessBoundMs: ageMs,
        degraded: !lease.provenSince(need.sinceMs),
      },
    };
  }

  #cached(parameter: Uint8Array | null, servedFrom: Tier): Read {
    const { tailer, lease } = this.#options;
    const freshness: Freshness = {
      revision: tailer.applied,
      servedFrom,
      stalenessBoundMs: lease.ageMs(),
      degraded: false,
    };
    return { parameter, freshness };
  }

  #refreshEarly(key: string, entry: NearEntry, nowMs: number): void {
    const { random, loader, telemetry } = this.#options;
    const leftMs = entry.expiresAtMs - nowMs;
    if (leftMs > EARLY_REFRESH_MS || leftMs > -LOAD_ESTIMATE_MS * Math.log(random())) return;
    // Any load that is under way will do: what it fills in is judged then.
    const need = { sinceMs: Number.NEGATIVE_INFINITY, atLeast: 0n, callStartedAtMs: nowMs };
    loader.load(key, need, { deadlineAtMs: nowMs + EARLY_REFRESH_MS }).catch((error: unknown) => {
      telemetry.log('debug', 'an entry could not be refreshed early', { why: String(error) });
    });
  }
}
