import { status } from '@grpc/grpc-js';
import type { ParamdClient } from '../paramd-client.ts';
import { messageOf, ParamdRpcError, textOf } from '../rpc-error.ts';
import type { WatchItem } from '../watch.ts';
import { type Clock, systemClock } from './clock.ts';
import { Conditions } from './conditions.ts';
import { Contents } from './contents.ts';
import { DefaultsCounter } from './defaults-counter.ts';
import { Degradation } from './degradation.ts';
import { Feed } from './feed.ts';
import { HeadChecks } from './head-checks.ts';
import { Listeners } from './listeners.ts';
import {
  type Change,
  type ChangeSelection,
  type NearCache,
  type NearCacheSettings,
  NearCacheTimeout,
  type WaitSettings,
} from './near-cache.ts';
import { Reads } from './reads.ts';
import { type CheckedSettings, checkSettings } from './settings.ts';
import { SnapshotKeeper } from './snapshot-keeper.ts';
import { Staleness } from './staleness.ts';
import { StallWatch } from './stall-watch.ts';

/** All that a near cache asks of a client. */
export type NearCacheClient = Pick<ParamdClient, 'watch' | 'getMany'>;

/**
 * @param signal its abort closes the cache
 * @throws TypeError that names the setting that is wrong
 */
export function openNearCache(
  client: NearCacheClient,
  settings: NearCacheSettings,
  clock: Clock = systemClock,
  signal?: AbortSignal,
): NearCache {
  return new FedNearCache(client, checkSettings(settings), clock, signal);
}

/** Answers to a watch that no waiting heals: the call itself is wrong, or not allowed. */
const HOPELESS: readonly number[] = [
  status.INVALID_ARGUMENT,
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.UNIMPLEMENTED,
];

class FedNearCache extends Reads implements NearCache {
  readonly #settings: CheckedSettings;
  readonly #contents: Contents;
  readonly #staleness: Staleness;
  readonly #listeners: Listeners;
  readonly #conditions: Conditions;
  readonly #degradation: Degradation;
  readonly #feed: Feed;
  readonly #checks: HeadChecks;
  readonly #stallWatch: StallWatch;
  readonly #keeper: SnapshotKeeper | undefined = undefined;
  readonly #refusalsLogged = new Set<string>();
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => void this.close();
  /** Why the servers were not reached the last time; undefined: they were. */
  #failure: unknown;
  /** The same of the watch alone: that a check succeeds does not heal it. */
  #watchFailure: unknown;
  #hasChecked = false;
  /** No watch is to be had as long as it is. */
  #refusal: ParamdRpcError | undefined;
  #closed: Promise<void> | undefined;

  constructor(client: NearCacheClient, settings: CheckedSettings, clock: Clock, signal: AbortSignal | undefined) {
    const { prefixes, timing, log, snapshotFile, onProgress } = settings;
    const contents = new Contents();
    const staleness = new Staleness(clock);
    const boundMs = () => staleness.boundMs();
    const position = () => contents.position;
    const why = () => this.#whyDegraded();
    const degradation = new Degradation({ maxStalenessMs: timing.maxStalenessMs, boundMs, clock, log, why });
    const isDegraded = (ms: number | undefined) => degradation.isDegraded(ms);
    super({ contents, prefixes, defaults: new DefaultsCounter(log), boundMs, isDegraded });
    this.#settings = settings;
    this.#contents = contents;
    this.#staleness = staleness;
    this.#degradation = degradation;
    this.#listeners = new Listeners(log);
    this.#conditions = new Conditions(clock);
    if (snapshotFile !== undefined) {
      this.#keeper = new SnapshotKeeper({ path: snapshotFile, prefixes, contents, clock, log });
    }
    const feed = new Feed({
      client,
      prefixes,
      progressIntervalMs: timing.progressIntervalMs,
      clock,
      position,
      take: (item) => this.#take(item),
      loading: onProgress,
      broken: (error) => this.#broken(error),
      refused: (error) => this.#refused(error),
    });
    this.#feed = feed;
    const done = (failure: unknown) => this.#checked(failure);
    const checks = new HeadChecks({ client, staleness, timing, clock, position, done });
    this.#checks = checks;
    const reopening = () => {
      if (position() === undefined) degradation.unreached();
      else log('near cache: the watch stands still; opening another one');
    };
    this.#stallWatch = new StallWatch({ feed, checks, staleness, timing, clock, position, reopening });
    this.#signal = signal;
    this.#open();
  }

  ready(settings?: WaitSettings): Promise<'CACHE' | 'SNAPSHOT'> {
    const held = () => (this.source === 'NOT_READY' ? undefined : this.source);
    return this.#conditions.until(
      () => {
        if (this.source === 'CACHE' && this.#hasChecked) return 'CACHE';
        // Watch and checks have both failed: what the file has need not wait for the servers.
        if (this.source === 'SNAPSHOT' && this.#isCutOff()) return 'SNAPSHOT';
        if (this.#closed === undefined && this.#refusal === undefined) return undefined;
        return held() ?? this.#timeout('no parameters could be loaded');
      },
      () => held() ?? this.#timeout('no parameters were loaded in time'),
      settings,
    );
  }

  atLeast(revision: bigint, settings?: WaitSettings): Promise<void> {
    const reached = () => {
      if ((this.#contents.position ?? -1n) >= revision) return true;
      return this.#closed === undefined ? undefined : this.#timeout(`revision ${revision} was not reached`);
    };
    const late = () => this.#timeout(`revision ${revision} was not reached in time; this is ${this.revision}`);
    return this.#conditions.until(reached, late, settings).then(() => {});
  }

  onChange(selection: ChangeSelection, listener: (change: Change) => void): () => void {
    if (typeof selection === 'string') this.checkCovered(selection);
    else this.checkOverlaps(selection.prefix);
    return this.#listeners.add(selection, listener);
  }

  onDegraded(listener: (degraded: boolean) => void): () => void {
    return this.#degradation.add(listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #open(): void {
    this.#keeper?.restore();
    this.#signal?.addEventListener('abort', this.#abort, { once: true });
    this.#feed.open();
    this.#checks.start();
    if (this.#signal?.aborted) this.#abort();
  }

  async #close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#stallWatch.close();
    this.#feed.close();
    this.#checks.close();
    this.#degradation.close();
    // What still waits, waits in vain; `closed` is set once this function has come to its first await.
    await Promise.resolve();
    this.#conditions.look();
    await this.#keeper?.close();
  }

  /** One item of the watch, whole: then who listens, then who waits. */
  #take(item: WatchItem): void {
    const changes = this.#apply(item);
    this.#refusal = undefined;
    if (this.#failure === this.#watchFailure) this.#failure = undefined;
    this.#watchFailure = undefined;
    if (changes.length > 0 || item.kind === 'snapshot') this.#keeper?.changed();
    this.#staleness.reached(this.#contents.revision);
    this.#listeners.tell(changes);
    this.#look();
  }

  #apply(item: WatchItem): readonly Change[] {
    const { revision } = item;
    switch (item.kind) {
      case 'changes':
        return this.#contents.apply(item.events, revision);
      case 'progress':
        this.#contents.advance(revision);
        return [];
      case 'snapshot': {
        const isEarlier = revision < (this.#contents.position ?? 0n);
        const changes = this.#contents.replace(item.parameters, revision);
        if (isEarlier) this.#beginAnew();
        return changes;
      }
    }
  }

  /** In another history: what was proven is not proven of this one. */
  #beginAnew(): void {
    this.#staleness.forget();
    this.#checks.start();
  }

  #checked(failure: unknown): void {
    this.#hasChecked = true;
    this.#failure = failure ?? this.#watchFailure;
    if (failure !== undefined && this.#refusal === undefined) this.#degradation.unreached();
    this.#look();
  }

  #broken(error: ParamdRpcError): void {
    this.#failure = error;
    this.#watchFailure = error;
    this.#look();
  }

  #refused(error: unknown): void {
    const isTold = error instanceof ParamdRpcError;
    const kind = isTold ? error.status : textOf(error);
    this.#failure = error;
    this.#watchFailure = error;
    if (isTold && HOPELESS.includes(error.code)) this.#refusal = error;
    if (!this.#refusalsLogged.has(kind)) {
      this.#refusalsLogged.add(kind);
      const message = isTold ? `${kind}: ${error.message}` : kind;
      this.#settings.log(`near cache: no watch can be had: ${message}; trying again now and then`);
    }
    this.#look();
  }

  #look(): void {
    this.#conditions.look();
    this.#degradation.look();
    this.#stallWatch.look();
  }

  #isCutOff(): boolean {
    return this.#watchFailure !== undefined && this.#checks.failingSinceMs !== undefined;
  }

  #whyDegraded(): string {
    if (this.#failure !== undefined) return messageOf(this.#failure);
    return this.#checks.answersDegraded ? 'the servers do not reach their store' : 'no server has confirmed them';
  }

  #timeout(what: string): never {
    if (this.#closed !== undefined) throw new NearCacheTimeout(`${what}: the cache is closed`);
    const cause = this.#refusal ?? this.#failure;
    throw new NearCacheTimeout(cause === undefined ? what : `${what}: ${messageOf(cause)}`, cause);
  }
}
