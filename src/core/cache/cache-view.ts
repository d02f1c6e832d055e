import type { LogEntry } from '../../model/event.ts';
import type { Parameter } from '../../model/parameter.ts';
import { newer, type Revision } from '../../model/revision.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { ParameterCodec } from '../../ports/codec.ts';
import type { SharedCache, SharedEntry } from '../../ports/shared-cache.ts';
import type { EpochChange, View } from '../watch/applied-log.ts';
import { Floors } from './floors.ts';
import { LastChanges } from './last-changes.ts';
import type { NearCache, NearEntry } from './near-cache.ts';

/** TTLs vary by this part to both sides, so that what was loaded together does not expire together. */
const TTL_JITTER = 0.1;
/** Of keys that do not exist: no parameter says how long. */
const ABSENT_TTL_MS = 60_000;

/** What some tier said of one key. */
export interface Content {
  readonly encoded: Uint8Array | null;
  /** Of the key's last write; of an absent key: asOf. */
  readonly revision: Revision;
  /** The revision at which it was current. */
  readonly asOf: Revision;
  readonly ttlMs: number;
}

/** Both caches as views of the log: the near cache itself, and the rule that judges what the shared cache says. */
export class CacheView implements View {
  readonly near: NearCache;
  readonly floors = new Floors();
  readonly #changes: LastChanges;
  readonly #shared: SharedCache;
  readonly #codec: ParameterCodec;
  readonly #clock: Clock;
  readonly #random: Random;
  #applied: Revision = 0n;

  constructor(options: {
    near: NearCache;
    shared: SharedCache;
    codec: ParameterCodec;
    clock: Clock;
    random: Random;
    changeSlots: number;
  }) {
    this.near = options.near;
    this.#changes = new LastChanges(options.changeSlots);
    this.#shared = options.shared;
    this.#codec = options.codec;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  get applied(): Revision {
    return this.#applied;
  }

  apply(entry: LogEntry): void {
    for (const { key, revision, type, parameter } of entry.events) {
      this.#changes.record(key, revision);
      const held = this.near.peek(key);
      if (held === undefined) continue;
      // Whoever reads this key reads it again: replace it if the value came along.
      if (type === 'put' && parameter !== undefined)
        this.near.set(key, this.#nearEntry(this.contentOf(parameter, revision)));
      else this.near.delete(key);
    }
  }

  advanced(applied: Revision): void {
    this.#applied = applied;
    this.floors.advance(applied);
  }

  epochChanged({ history, applied }: EpochChange): void {
    this.near.clear();
    this.floors.clear();
    // Nothing as of an earlier epoch: `applied` will pass over what was lost, and never hear of it.
    this.#changes.reset(newer(applied, history.epoch.startRevision - 1n));
    this.#applied = applied;
    this.#shared.useEpoch(history.epoch.id);
  }

  wantsValues(): boolean {
    return false;
  }

  /** The entry of the near cache, unless it is too old by its TTL or older than what was acknowledged here. */
  held(key: string): NearEntry | undefined {
    const entry = this.known(key);
    return entry !== undefined && entry.expiresAtMs > this.#clock.monotonicMs() ? entry : undefined;
  }

  /** Whatever its TTL, which says when to ask the store again: the best known answer while it is away (C7). */
  known(key: string): NearEntry | undefined {
    return this.floors.of(key) > this.#applied ? undefined : this.near.get(key);
  }

  /** The one rule, and C1. */
  isCurrent(key: string, asOf: Revision): boolean {
    return this.#changes.isCurrent(key, asOf, this.#applied) && this.floors.of(key) <= this.#applied;
  }

  /** An answer as of an earlier revision lacks a change of the key that this replica knows of, or acknowledged (C1). */
  leastAsOf(key: string): Revision {
    return newer(this.floors.of(key), this.#changes.of(key));
  }

  /** Holds what a tier said, if it is current. @returns whether it is */
  keep(key: string, content: Content): boolean {
    if (!this.isCurrent(key, content.asOf)) return false;
    this.near.set(key, this.#nearEntry(content));
    return true;
  }

  /** Tells the shared cache as well, if it is current. Nobody waits for it. */
  spread(key: string, content: Content): void {
    if (!this.keep(key, content)) return;
    const { revision, asOf, encoded, ttlMs } = content;
    this.#shared.put(key, { revision, asOf, encoded, ttlMs } satisfies SharedEntry).catch(() => {});
  }

  contentOf(parameter: Parameter, asOf: Revision): Content {
    const ttlMs = Number(parameter.cacheTtlNs / 1_000_000n);
    return { encoded: this.#codec.encode(parameter), revision: parameter.revision, asOf, ttlMs };
  }

  absent(asOf: Revision): Content {
    return { encoded: null, revision: asOf, asOf, ttlMs: ABSENT_TTL_MS };
  }

  #nearEntry({ encoded, revision, ttlMs }: Content): NearEntry {
    const jittered = ttlMs * (1 - TTL_JITTER + 2 * TTL_JITTER * this.#random());
    return { encoded, revision, ttlMs, expiresAtMs: this.#clock.monotonicMs() + jittered };
  }
}
