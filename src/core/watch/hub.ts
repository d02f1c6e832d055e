import type { Event, LogEntry } from '../../model/event.ts';
import { newer, type Revision } from '../../model/revision.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { revisionLost } from '../cache/need.ts';
import type { StoreReads } from '../store-reads.ts';
import type { EpochChange, View } from './applied-log.ts';
import { CatchUp } from './catch-up.ts';
import { Ring } from './ring.ts';
import { WatchIndex } from './watch-index.ts';
import type { Watcher } from './watcher.ts';

export interface HubOptions {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly ringBytesMax: number;
}

/** The log, filtered, for every watch: the same stream that the caches follow, so it is never ahead of or behind them. */
export class WatchHub implements View {
  readonly #options: HubOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #index = new WatchIndex<Watcher>();
  readonly #ring: Ring;
  readonly #catchUp: CatchUp;
  #applied: Revision = 0n;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#ring = new Ring(options.ringBytesMax, 0n);
    const { clock, telemetry } = options;
    this.#catchUp = new CatchUp({
      clock,
      telemetry,
      behind: () => this.#behind(),
      splice: (watcher) => this.#splice(watcher),
      matches: (entry, watcher) => matchesOf(entry, watcher),
    });
  }

  /** Catching up reads the store through the tailer, which is made after the hub. */
  follow(reads: StoreReads): void {
    this.#catchUp.follow(reads);
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  get queueBytes(): number {
    let bytes = 0;
    for (const watcher of this.#watchers) bytes += watcher.queueBytes;
    return bytes;
  }

  add(watcher: Watcher): void {
    this.#watchers.add(watcher);
    this.#index.add(watcher, watcher.filter);
    if (!this.#splice(watcher)) this.#catchUp.wake();
  }

  remove(watcher: Watcher): void {
    if (this.#watchers.delete(watcher)) this.#index.remove(watcher, watcher.filter);
  }

  /** The reader has taken a batch and waits again: an unsynced watch can go on. */
  drained(watcher: Watcher): void {
    if (!watcher.synced) this.#catchUp.wake();
  }

  /** Everything up to it was taken in by this watch. */
  positionOf(watcher: Watcher): Revision {
    return watcher.synced ? newer(this.#applied, watcher.position) : watcher.position;
  }

  apply(entry: LogEntry): void {
    if (this.#watchers.size === 0) {
      this.#ring.reset(entry.revision);
      return;
    }
    this.#ring.push(entry);
    for (const [watcher, events] of this.#index.matches(entry.events)) {
      if (watcher.synced && entry.revision > watcher.position) this.#feed(watcher, entry, events);
    }
  }

  advanced(applied: Revision): void {
    this.#applied = applied;
  }

  epochChanged({ applied, isLost, history }: EpochChange): void {
    for (const watcher of this.#watchers) {
      const position = this.positionOf(watcher);
      watcher.position = position;
      watcher.synced = false;
      if (isLost(watcher.handed)) watcher.end(revisionLost(watcher.handed, history.epoch.startRevision));
      else if (isLost(position)) watcher.rewind();
    }
    this.#applied = applied;
    this.#ring.reset(applied);
    this.#catchUp.wake();
  }

  wantsValues(): boolean {
    return this.#watchers.size > 0;
  }

  stop(): void {
    this.#catchUp.stop();
  }

  #feed(watcher: Watcher, entry: LogEntry, events: readonly Event[]): void {
    const { telemetry } = this.#options;
    // What came over the bus without what this watch wants to see is in the log.
    if (!isComplete(events, watcher)) {
      watcher.synced = false;
      watcher.position = entry.revision - 1n;
      this.#catchUp.wake();
      return;
    }
    if (watcher.offer(entry.revision, events)) {
      telemetry.add('watch_events', events.length);
      watcher.flush();
      return;
    }
    telemetry.add('watch_overflows');
    watcher.rewind();
  }

  /** Feeds from the ring whatever is missing, in one tick. @returns false: the ring does not reach back, or lacks values */
  #splice(watcher: Watcher): boolean {
    if (watcher.position < this.#ring.after) return false;
    const groups: [LogEntry, readonly Event[]][] = [];
    for (const entry of this.#ring.behind(watcher.position)) {
      const events = matchesOf(entry, watcher);
      if (!isComplete(events, watcher)) return false;
      if (events.length > 0) groups.push([entry, events]);
    }
    for (const [entry, events] of groups) {
      if (!watcher.offer(entry.revision, events)) {
        watcher.flush();
        return false;
      }
      watcher.position = entry.revision;
      this.#options.telemetry.add('watch_events', events.length);
    }
    watcher.synced = true;
    watcher.position = newer(watcher.position, this.#applied);
    watcher.greet();
    watcher.flush();
    return true;
  }

  #behind(): readonly Watcher[] {
    return [...this.#watchers].filter((watcher) => !watcher.synced && watcher.isIdle);
  }
}

/** The same array where all match, so that it is encoded once. */
function matchesOf(entry: LogEntry, watcher: Watcher): readonly Event[] {
  const { keys, prefixes } = watcher.filter;
  const concerns = (event: Event) =>
    prefixes.some((prefix) => event.key.startsWith(prefix)) || keys.includes(event.key);
  return entry.events.every(concerns) ? entry.events : entry.events.filter(concerns);
}

function isComplete(events: readonly Event[], watcher: Watcher): boolean {
  return events.every(
    (event) => event.parameter !== undefined && (!watcher.includePrevious || event.previous !== undefined),
  );
}
