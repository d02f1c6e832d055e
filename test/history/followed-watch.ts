import type { CheckContext } from './check-context.ts';
import { checkSnapshot } from './check-snapshot.ts';
import { compareEvents } from './compare-events.ts';
import type { Currency } from './currency.ts';
import { describeWatch, ms } from './describe.ts';
import type { FilterLog } from './filter-log.ts';
import type { WatchedEvent, WatchRecord, WatchResponseRecord } from './history.ts';
import type { Kind } from './kinds.ts';
import { NOWHERE, type Position } from './position.ts';
import { firstAbove } from './sorted.ts';

/** A watch, response by response, held against the log. */
export class FollowedWatch {
  /** Up to which it knows everything that concerns it. Undefined: it has not been told yet. */
  at: Position | undefined;
  readonly #context: CheckContext;
  readonly #currency: Currency;
  readonly #watch: WatchRecord;
  readonly #log: FilterLog;
  readonly #snapshot: WatchedEvent[] = [];
  /** It follows the log: no snapshot may come any more. */
  #follows = false;
  /** Revisions that came, at least in part. */
  readonly #came = new Set<Position>();
  /** A revision of which a part came. The rest may come yet, which is wrong too. */
  #torn: Position | undefined;

  constructor(context: CheckContext, currency: Currency, watch: WatchRecord) {
    this.#context = context;
    this.#currency = currency;
    this.#watch = watch;
    this.#log = context.timeline.filterLog(watch.keys, watch.prefixes);
  }

  take(response: WatchResponseRecord): void {
    switch (response.kind) {
      case 'initial':
        this.#snapshot.push(...response.events);
        if (this.#follows || !this.#watch.sendInitial) this.#tell('snapshot out of place', () => at(response));
        return;
      case 'initial-complete':
        this.#complete(response);
        return;
      case 'progress':
        this.#progress(response);
        return;
      case 'changes':
        this.#changes(response);
    }
  }

  /** All responses were taken. */
  finish(): void {
    this.#missTorn();
  }

  #complete(response: WatchResponseRecord): void {
    const { timeline } = this.#context;
    if (this.#follows || !this.#watch.sendInitial) this.#tell('snapshot out of place', () => at(response));
    this.#follows = true;
    const position = this.#positionOf(response);
    if (position === NOWHERE) return;
    this.at = position;
    this.#checkBegin(position, response);
    checkSnapshot(timeline, this.#log, this.#snapshot, position, (message) =>
      this.#tell('snapshot not of its revision', () => `${at(response)}: ${message}`),
    );
  }

  #progress(response: WatchResponseRecord): void {
    const position = this.#positionOf(response);
    if (position === NOWHERE) return;
    this.#missTorn();
    this.#begin(response);
    if (this.at === undefined) this.#checkBegin(position, response);
    else if (position < this.at) this.#tell('bookmark went back', () => `${at(response)}, behind ${this.#known()}`);
    else this.#advance(position, response);
    this.at = Math.max(position, this.at ?? NOWHERE);
  }

  #changes(response: WatchResponseRecord): void {
    const { timeline, evidence } = this.#context;
    this.#begin(response);
    let last: Position = NOWHERE;
    for (const events of byRevision(response.events)) {
      const { revision } = events[0]!;
      const position = timeline.positionOf(revision);
      if (position === NOWHERE) {
        this.#tell('event that never was', () => `${at(response)}: an event of revision ${revision}`);
        continue;
      }
      if (this.at === undefined) {
        const seenMs = evidence.provenMs(position);
        if (seenMs < this.#watch.openMs) {
          this.#tell('watch began in the past', () => `${at(response)}: ${revision} was seen at ${ms(seenMs)}`);
        }
        this.at = position - 1;
      }
      if (position <= this.at) this.#repeated(position, last, response);
      else {
        this.#missTorn();
        this.#advance(position - 1, response, position);
        this.at = position;
        this.#came.add(position);
        this.#compare(position, events, response);
      }
      last = Math.max(last, position);
    }
    const position = this.#positionOf(response);
    if (position === NOWHERE) return;
    if (position < (this.at ?? NOWHERE)) {
      this.#tell('bookmark went back', () => `${at(response)}, behind ${this.#known()}`);
    } else if (this.at !== undefined) this.#advance(position, response);
    this.at = Math.max(position, this.at ?? NOWHERE);
  }

  /** The first response that is no part of a snapshot. */
  #begin(response: WatchResponseRecord): void {
    if (this.#follows) return;
    this.#follows = true;
    const { startRevision, sendInitial } = this.#watch;
    if (this.#snapshot.length > 0 || (sendInitial && startRevision === 0n)) {
      this.#tell('snapshot out of place', () => `${at(response)}, before the snapshot was whole`);
    }
    if (startRevision === 0n) return;
    const position = this.#context.timeline.positionOf(startRevision - 1n);
    if (position !== NOWHERE) this.at = position;
    else this.#tell('watch went on over a loss', () => `${at(response)}, though ${startRevision - 1n} never was`);
  }

  /** Nothing that was committed before it was opened comes behind what it begins with. */
  #checkBegin(position: Position, response: WatchResponseRecord): void {
    const untilMs = this.#currency.untilMs(position, this.#currency.anyChange);
    if (untilMs >= this.#watch.openMs) return;
    this.#tell('watch began in the past', () => `${at(response)}; what comes behind was seen at ${ms(untilMs)}`);
  }

  /** Nothing that is due lies in between. @param into the order to go on in, if not that of `to` */
  #advance(to: Position, response: WatchResponseRecord, into: Position = to): void {
    const { timeline } = this.#context;
    const from = this.at!;
    const era = timeline.eraAt(into);
    if (!timeline.isIn(era, from)) {
      this.#tell('watch went on over a loss', () => `${at(response)}: ${this.#known()} is not in that order`);
      return;
    }
    const due = this.#log.positions;
    for (let index = firstAbove(due, from); index < due.length && due[index]! <= to; index++) {
      const missing = due[index]!;
      if (!timeline.isIn(era, missing)) continue;
      this.#tell('gap in a watch', () => `${at(response)}: ${timeline.revisionAt(missing)} never came`);
      return;
    }
  }

  /** Something that is not above what is known already. */
  #repeated(position: Position, last: Position, response: WatchResponseRecord): void {
    const revision = this.#context.timeline.revisionAt(position);
    const told = () => `${at(response)}: ${revision} came behind ${this.#known()}`;
    if (position < last) this.#tell('events out of order', told);
    if (this.#torn === position) {
      this.#torn = undefined;
      this.#tell('revision split over responses', told);
    } else if (this.#came.has(position)) this.#tell('event twice', told);
    else if (position >= last) this.#tell('event behind a bookmark', told);
  }

  #compare(position: Position, events: readonly WatchedEvent[], response: WatchResponseRecord): void {
    const { timeline } = this.#context;
    const { includePrevious } = this.#watch;
    const wanted = { events: timeline.entryAt(position)?.events ?? [], keys: this.#log.keys, includePrevious };
    const isWhole = compareEvents(events, wanted, (kind, message) =>
      this.#tell(kind, () => `${at(response)}: ${message}`),
    );
    if (!isWhole) this.#torn = position;
  }

  #missTorn(): void {
    const torn = this.#torn;
    if (torn === undefined) return;
    this.#torn = undefined;
    this.#tell('gap in a watch', () => `${this.#context.timeline.revisionAt(torn)} came without all of its events`);
  }

  #positionOf(response: WatchResponseRecord): Position {
    const position = this.#context.timeline.positionOf(response.revision);
    if (position === NOWHERE) this.#tell('revision that never was', () => at(response));
    return position;
  }

  #known(): string {
    return `${this.#context.timeline.revisionAt(this.at!)}`;
  }

  #tell(kind: Kind, message: () => string): void {
    this.#context.findings.add(kind, () => `${describeWatch(this.#watch)}; ${message()}`);
  }
}

function at({ kind, atMs, revision }: WatchResponseRecord): string {
  return `${kind} up to ${revision} at ${ms(atMs)}`;
}

/** What comes together. */
function* byRevision(events: readonly WatchedEvent[]): Generator<readonly WatchedEvent[]> {
  for (let start = 0, end = 0; start < events.length; start = end) {
    while (end < events.length && events[end]!.revision === events[start]!.revision) end += 1;
    yield events.slice(start, end);
  }
}
