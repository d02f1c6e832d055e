import type { TrueEvent, WatchedEvent } from './history.ts';
import type { Kind } from './kinds.ts';

interface Wanted {
  /** All events of the revision. */
  readonly events: readonly TrueEvent[];
  /** Of those, the watch is to see the ones of these keys. */
  readonly keys: ReadonlySet<string>;
  readonly includePrevious: boolean;
}

/** The events of one revision as a watch saw them, with those of the log. @returns false: some are missing */
export function compareEvents(
  seen: readonly WatchedEvent[],
  wanted: Wanted,
  tell: (kind: Kind, message: string) => void,
): boolean {
  return isExact(seen, wanted) || tellDifferences(seen, wanted, tell);
}

/** As nearly all are: found out without a copy of anything. */
function isExact(seen: readonly WatchedEvent[], { events, keys, includePrevious }: Wanted): boolean {
  let next = 0;
  for (const truth of events) {
    if (!keys.has(truth.key)) continue;
    const event = seen[next++];
    if (event === undefined || event.key !== truth.key || event.type !== truth.type) return false;
    if (event.value !== (truth.type === 'put' ? truth.value : '')) return false;
    if (!isSamePrevious(event.previous, includePrevious ? truth.previous : undefined)) return false;
  }
  return next === seen.length;
}

function tellDifferences(
  seen: readonly WatchedEvent[],
  { events, keys, includePrevious }: Wanted,
  tell: (kind: Kind, message: string) => void,
): boolean {
  const due = events.filter(({ key }) => keys.has(key));
  const came = new Set<string>();
  let last = -1;
  for (const event of seen) {
    const name = `${event.revision} ${event.type} ${JSON.stringify(event.key)}`;
    const truth = events.find(({ key }) => key === event.key);
    if (truth === undefined) {
      tell('event that never was', `${name} ${event.value}`);
      continue;
    }
    const place = due.indexOf(truth);
    if (place === -1) tell('event that was not asked for', name);
    else if (came.has(event.key)) tell('event twice', name);
    else if (place < last) tell('events out of order', `${name} behind ${JSON.stringify(due[last]!.key)}`);
    came.add(event.key);
    last = Math.max(last, place);
    compareContents(event, truth, includePrevious, (kind, message) => tell(kind, `${name}: ${message}`));
  }
  return due.every(({ key }) => came.has(key));
}

function compareContents(
  event: WatchedEvent,
  truth: TrueEvent,
  includePrevious: boolean,
  tell: (kind: Kind, message: string) => void,
): void {
  const value = truth.type === 'put' ? truth.value : '';
  if (event.type !== truth.type || event.value !== value) {
    const message = `${event.type} ${JSON.stringify(event.value)}, should be ${truth.type} ${JSON.stringify(value)}`;
    tell('event with other contents', message);
    tell('two values of one revision', message);
  }
  const previous = includePrevious ? truth.previous : undefined;
  if (isSamePrevious(event.previous, previous)) return;
  tell('wrong previous in a watch', `${describe(event.previous)}, should be ${describe(previous)}`);
}

function isSamePrevious(one: WatchedEvent['previous'], other: WatchedEvent['previous']): boolean {
  return one?.value === other?.value && one?.revision === other?.revision;
}

function describe(previous: WatchedEvent['previous']): string {
  return previous === undefined ? 'no previous' : `previous ${JSON.stringify(previous.value)} of ${previous.revision}`;
}
