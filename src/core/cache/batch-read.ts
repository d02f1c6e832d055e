import { type Freshness, ParamdError, TIERS, type Tier } from '../../model/errors.ts';
import { newer } from '../../model/revision.ts';
import type { Clock } from '../../ports/clock.ts';
import type { SharedCache } from '../../ports/shared-cache.ts';
import { StoreError } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Call, Consistency, ManyRead } from '../api.ts';
import { within } from '../waiting.ts';
import type { Tailer } from '../watch/tailer.ts';
import type { CacheView, Content } from './cache-view.ts';
import type { Lease } from './lease.ts';
import { callerError, isUnreachable, type Need, needOf, STORED } from './need.ts';
import type { Proof } from './proof.ts';
import { ANSWER_BYTES_MAX, type Loaded, type StoreLoader } from './store-loader.ts';

/** Gathering from the caches is tried this often before everything is read from the store. */
const GATHERINGS_MAX = 2;

interface Candidate {
  readonly encoded: Uint8Array | null;
  /** Undefined: it is in the near cache, so it is current as long as it is there. */
  readonly asOf: bigint | undefined;
  readonly tier: Tier;
}

export interface BatchReadOptions {
  readonly view: CacheView;
  readonly shared: SharedCache;
  readonly loader: StoreLoader;
  readonly tailer: Tailer;
  readonly lease: Lease;
  readonly proof: Proof;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly stalenessMs: number;
}

/**
 * BatchGetParameters: several keys at one revision.
 *
 * Naive: read each key by itself; a write between two of them tears the answer. Chosen: gather candidates from every
 * tier, wait until `applied` has reached the newest of them, then judge all of them in one tick by the one rule. What
 * passes was current at `applied`, all of it. If writes keep coming in between, one statement reads everything.
 */
export class BatchRead {
  readonly #options: BatchReadOptions;

  constructor(options: BatchReadOptions) {
    this.#options = options;
  }

  async getMany(keys: readonly string[], consistency: Consistency, call: Call): Promise<ManyRead> {
    const { tailer, proof, stalenessMs } = this.#options;
    const need = needOf(consistency, call, stalenessMs);
    tailer.hurry();
    try {
      if (proof.seemsLost(need)) await proof.establish(need);
      for (let gathering = 0; gathering < GATHERINGS_MAX; gathering++) {
        const candidates = await this.#gather(keys, need);
        const established = await this.#establish(need);
        const answer = this.#pick(keys, candidates, need, established);
        if (answer !== undefined) return answer;
      }
      return await this.#readAll(keys, need);
    } catch (error) {
      throw callerError(error);
    }
  }

  /** Of each key something that may be current, from the nearest tier that has it. */
  async #gather(keys: readonly string[], need: Need): Promise<ReadonlyMap<string, Candidate>> {
    const { view, tailer, telemetry } = this.#options;
    const candidates = new Map<string, Candidate>();
    const isAway = need.mayDegrade && !tailer.storeReachable;
    for (const key of keys) {
      const entry = isAway ? view.known(key) : view.held(key);
      if (entry !== undefined) candidates.set(key, { encoded: entry.encoded, asOf: undefined, tier: 'near-cache' });
    }
    telemetry.add('near_hits', candidates.size);
    telemetry.add('near_misses', keys.length - candidates.size);
    let missing = keys.filter((key) => !candidates.has(key));
    if (missing.length > 0) {
      for (const [key, content] of await this.#lookUp(missing, need)) {
        candidates.set(key, { encoded: content.encoded, asOf: content.asOf, tier: 'shared-cache' });
      }
      missing = missing.filter((key) => !candidates.has(key));
    }
    if (missing.length > 0) await this.#load(missing, need, candidates);
    return candidates;
  }

  async #lookUp(keys: readonly string[], need: Need): Promise<ReadonlyMap<string, Content>> {
    const { view, shared, clock, telemetry } = this.#options;
    const found = await within(shared.getMany(keys), clock, { deadlineAtMs: need.callDeadlineAtMs });
    const usable = new Map<string, Content>();
    if (found !== 'late') for (const [key, content] of found) if (view.keep(key, content)) usable.set(key, content);
    telemetry.add('shared_hits', usable.size);
    telemetry.add('shared_misses', keys.length - usable.size);
    return usable;
  }

  async #load(keys: readonly string[], need: Need, candidates: Map<string, Candidate>): Promise<void> {
    const { view, tailer, proof, clock } = this.#options;
    const loads = await this.#loadWithin(ANSWER_BYTES_MAX, keys, need);
    let newest = view.floors.highest;
    for (const [at, loaded] of loads.entries()) {
      if (loaded === 'late') throw proof.late(need, STORED);
      proof.refuseLost(need, loaded.asOf);
      newest = newer(newest, loaded.asOf);
      candidates.set(keys[at]!, { encoded: loaded.encoded, asOf: loaded.asOf, tier: 'store' });
    }
    const patience = { deadlineAtMs: need.callDeadlineAtMs, signal: need.call.signal };
    if ((await within(tailer.reached(newest), clock, patience)) === 'late') {
      throw proof.late(need, `its keys as of revision ${newest}`);
    }
  }

  /** Gives up as soon as more has come than an answer can hold, so that a call costs no more memory than an answer. */
  async #loadWithin(bytesMax: number, keys: readonly string[], need: Need): Promise<readonly (Loaded | 'late')[]> {
    const { view, loader } = this.#options;
    const enough = new AbortController();
    const patience = {
      deadlineAtMs: need.callDeadlineAtMs,
      signal: AbortSignal.any([need.call.signal, enough.signal]),
    };
    let bytes = 0;
    const load = async (key: string) => {
      const loaded = await loader.load(key, { ...need, atLeast: newer(need.atLeast, view.leastAsOf(key)) }, patience);
      if (loaded !== 'late') bytes += loaded.encoded?.length ?? 0;
      if (bytes > bytesMax) enough.abort();
      return loaded;
    };
    const loads = await Promise.all(keys.map(load)).catch((error: unknown) => {
      // Nobody waits for the others any more.
      enough.abort();
      refuseBeyond(bytes);
      throw error;
    });
    refuseBeyond(bytes);
    return loads;
  }

  /** C7 allows a degraded answer only if it reflects what it must. */
  async #establish(need: Need): Promise<'proven' | 'unreachable'> {
    const { proof, tailer, view } = this.#options;
    const mayDegrade = () => need.mayDegrade && proof.reflects(need) && tailer.applied >= view.floors.highest;
    if (!tailer.storeReachable && mayDegrade()) return 'unreachable';
    try {
      await proof.establish(need);
      return 'proven';
    } catch (error) {
      if (!isUnreachable(error) || !mayDegrade()) throw error;
      return 'unreachable';
    }
  }

  /** In one tick. Undefined: something has changed since it was gathered. */
  #pick(
    keys: readonly string[],
    candidates: ReadonlyMap<string, Candidate>,
    need: Need,
    established: 'proven' | 'unreachable',
  ): ManyRead | undefined {
    const { view, tailer, lease, proof, telemetry } = this.#options;
    const degraded = !lease.provenSince(need.sinceMs);
    if (degraded && (established === 'proven' || !Number.isFinite(lease.ageMs()))) return undefined;
    if (!proof.reflects(need) || tailer.applied < view.floors.highest) return undefined;
    const parameters: Uint8Array[] = [];
    const missingKeys: string[] = [];
    let tier: Tier = 'near-cache';
    let bytes = 0;
    for (const key of keys) {
      const candidate = candidates.get(key);
      if (candidate === undefined) return undefined;
      const current =
        candidate.asOf === undefined
          ? view.known(key)?.encoded === candidate.encoded
          : view.isCurrent(key, candidate.asOf);
      if (!current) return undefined;
      if (candidate.encoded === null) missingKeys.push(key);
      else parameters.push(candidate.encoded);
      bytes += candidate.encoded?.length ?? 0;
      tier = farther(tier, candidate.tier);
    }
    refuseBeyond(bytes);
    if (degraded) telemetry.add('degraded_answers');
    const freshness: Freshness = {
      revision: tailer.applied,
      servedFrom: tier,
      stalenessBoundMs: lease.ageMs(),
      degraded,
    };
    return { parameters, missingKeys, freshness };
  }

  /** Everything in one statement, which is one revision by itself. */
  async #readAll(keys: readonly string[], need: Need): Promise<ManyRead> {
    const { view, loader, proof, clock } = this.#options;
    const least = newer(need.atLeast, view.floors.highest);
    const atLeast = keys.map((key) => view.leastAsOf(key)).reduce(newer, least);
    const patience = { deadlineAtMs: need.callDeadlineAtMs, signal: need.call.signal };
    const loaded = await loader.loadTogether(keys, { ...need, atLeast }, patience).catch((error: unknown) => {
      if (error instanceof StoreError && error.kind === 'too-large') refuseBeyond(Number.POSITIVE_INFINITY);
      throw error;
    });
    if (loaded === 'late') throw proof.late(need, STORED);
    const { contents, asOf, startedAtMs } = loaded;
    proof.refuseLost(need, asOf);
    const encoded = contents.flatMap((content) => content.encoded ?? []);
    refuseBeyond(encoded.reduce((sum, { length }) => sum + length, 0));
    return {
      parameters: encoded,
      missingKeys: keys.filter((_, at) => contents[at]!.encoded === null),
      freshness: {
        revision: asOf,
        servedFrom: 'store',
        stalenessBoundMs: clock.monotonicMs() - startedAtMs,
        degraded: false,
      },
    };
  }
}

function farther(one: Tier, other: Tier): Tier {
  return TIERS.indexOf(one) > TIERS.indexOf(other) ? one : other;
}

function refuseBeyond(bytes: number): void {
  if (bytes <= ANSWER_BYTES_MAX) return;
  throw new ParamdError({
    reason: 'LIMIT_EXCEEDED',
    limit: 'response_bytes',
    maximum: ANSWER_BYTES_MAX,
    hint: 'Ask for fewer keys.',
  });
}
