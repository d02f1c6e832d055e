import type { WatchedEvent, WatchRecord, WatchResponseRecord } from '../history.ts';
import type { Model } from './generate-history.ts';
import type { ModelOrder } from './model-order.ts';

type Filter = Pick<WatchRecord, 'keys' | 'prefixes' | 'includePrevious'>;

const LAG_MS_MAX = 30;

/** Watches that follow the log from somewhere, some to the end, some resumed where they were left. */
export function generateWatches(model: Model, count: number): WatchRecord[] {
  const endMs = model.operations.reduce((last, { returnMs }) => Math.max(last, returnMs), 0) + 10;
  const watches: WatchRecord[] = [];
  while (watches.length < count) {
    let startRevision: bigint | undefined;
    const filter = pickFilter(model);
    for (let openMs = model.random() * endMs; openMs < endMs; ) {
      const watch = generateWatch(model, filter, openMs, startRevision, endMs);
      if (watch === undefined) break;
      watches.push(watch);
      openMs = watch.endMs + 5;
      const last = watch.responses.at(-1)?.revision ?? 0n;
      startRevision = watch.endedBy === 'REVISION_LOST' || last === 0n ? undefined : last + 1n;
    }
  }
  return watches;
}

function pickFilter({ random, keys }: Model): Filter {
  const filters = [
    { keys: [], prefixes: [''] },
    { keys: [], prefixes: ['a'] },
    { keys: [keys[0]!, keys[1]!], prefixes: [] },
    { keys: [keys[1]!], prefixes: ['c:', 'a'] },
  ];
  return { ...filters[Math.floor(random() * filters.length)]!, includePrevious: random() < 0.5 };
}

/** Undefined: nobody was there to open it. */
function generateWatch(
  { random, orders }: Model,
  filter: Filter,
  openMs: number,
  resumed: bigint | undefined,
  endMs: number,
): WatchRecord | undefined {
  const order = orders.findLast(({ beganMs }) => beganMs <= openMs)!;
  if (order.era.endMs < openMs + LAG_MS_MAX) return undefined;
  const sendInitial = random() < 0.5;
  const leaveMs = random() < 0.4 ? openMs + random() * (endMs - openMs) : Number.POSITIVE_INFINITY;
  const walk = new WatchWalk(random, filter, order, openMs);
  const startRevision = resumed ?? 0n;
  const start = startRevision === 0n ? undefined : order.momentOf(startRevision - 1n);
  if (startRevision > 0n && start === undefined && !sendInitial) walk.endedBy = 'REVISION_LOST';
  else {
    walk.begin(start, sendInitial);
    for (let at = order.number; at < orders.length && walk.endedBy === undefined; at++) {
      walk.follow(orders[at]!, orders[at + 1]?.beganMs ?? Number.POSITIVE_INFINITY, leaveMs);
    }
  }
  const base = { client: 1000, replica: 'r0', openMs, ...filter, startRevision, sendInitial };
  if (walk.endedBy === undefined) walk.greet();
  const settled = walk.endedBy === undefined && leaveMs === Number.POSITIVE_INFINITY;
  return { ...base, responses: walk.responses, endedBy: walk.endedBy, endMs: Math.max(walk.nowMs, openMs), settled };
}

class WatchWalk {
  readonly responses: WatchResponseRecord[] = [];
  endedBy: string | undefined;
  nowMs: number;
  readonly #random: () => number;
  readonly #filter: Filter;
  #order: ModelOrder;
  #moment = 0;
  /** It was told where it is. */
  #knows = false;

  constructor(random: () => number, filter: Filter, order: ModelOrder, openMs: number) {
    this.#random = random;
    this.#filter = filter;
    this.#order = order;
    this.nowMs = openMs + random() * 10;
  }

  /** @param start what it resumes behind, if the order has it */
  begin(start: number | undefined, sendInitial: boolean): void {
    const now = this.#order.momentAt(this.nowMs);
    this.#moment = start ?? now;
    const revision = this.#order.revisions[this.#moment]!;
    if (start !== undefined) {
      this.#knows = true;
      // The first response comes at once, whatever it is.
      if (start === now) this.#respond('progress', revision, []);
      return;
    }
    if (!sendInitial) {
      // What comes first may as well be a change.
      if (this.#random() < 0.7) this.#respond('progress', revision, []);
      return;
    }
    const events = this.#order.keys().flatMap((key): WatchedEvent[] => {
      const found = this.#matches(key) ? this.#order.find(key, now) : undefined;
      if (found === undefined) return [];
      return [{ key, type: 'put', revision: found.revision, value: found.value, previous: undefined }];
    });
    for (let at = 0; at < events.length; at += 3) this.#respond('initial', 0n, events.slice(at, at + 3));
    this.#respond('initial-complete', revision, []);
  }

  /** Until the next era begins, or it is left. */
  follow(order: ModelOrder, untilMs: number, leaveMs: number): void {
    if (order !== this.#order) {
      const moment = order.momentOf(this.#order.revisions[this.#moment]!);
      if (moment === undefined && this.#knows) {
        this.endedBy = 'REVISION_LOST';
        return;
      }
      this.#order = order;
      this.#moment = moment ?? order.momentOf(order.era.startRevision - 1n)!;
      this.nowMs = Math.max(this.nowMs, order.beganMs);
    }
    while (this.#moment < order.head) {
      const count = 1 + Math.floor(this.#random() * 5);
      const to = Math.min(order.head, this.#moment + count);
      const atMs = Math.max(this.nowMs, order.times[to]!) + this.#random() * LAG_MS_MAX;
      if (atMs > untilMs || atMs > leaveMs) return;
      this.nowMs = atMs;
      this.#deliver(to);
    }
  }

  /** At the latest: it runs from here. */
  greet(): void {
    if (!this.#knows) this.#respond('progress', this.#order.revisions[this.#moment]!, []);
  }

  #deliver(to: number): void {
    const events: WatchedEvent[] = [];
    for (let moment = this.#moment + 1; moment <= to; moment++) {
      const entry = this.#order.entries[moment];
      for (const { key, type, value, previous } of entry?.events ?? []) {
        if (!this.#matches(key)) continue;
        const shown = this.#filter.includePrevious ? previous : undefined;
        events.push({ key, type, revision: entry!.revision, value, previous: shown });
      }
    }
    this.#moment = to;
    const revision = this.#order.revisions[to]!;
    if (events.length > 0) this.#respond('changes', revision, events);
    else this.#respond('progress', revision, []);
  }

  #respond(kind: WatchResponseRecord['kind'], revision: bigint, events: readonly WatchedEvent[]): void {
    this.#knows = true;
    this.responses.push({ atMs: this.nowMs, kind, revision, events });
  }

  #matches(key: string): boolean {
    return this.#filter.keys.includes(key) || this.#filter.prefixes.some((prefix) => key.startsWith(prefix));
  }
}
