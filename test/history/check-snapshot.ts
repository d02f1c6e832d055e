import type { FilterLog } from './filter-log.ts';
import type { WatchedEvent } from './history.ts';
import type { Position } from './position.ts';
import type { Timeline } from './timeline.ts';

/** What a watch began with: the state at its revision, in the order of keys, nothing else. */
export function checkSnapshot(
  timeline: Timeline,
  log: FilterLog,
  events: readonly WatchedEvent[],
  position: Position,
  tell: (message: string) => void,
): void {
  for (const [at, event] of events.entries()) {
    const { key, value, revision, type, previous } = event;
    const name = JSON.stringify(key);
    const before = events[at - 1]?.key;
    if (before !== undefined && compareKeys(before, key) >= 0) tell(`${name} behind ${JSON.stringify(before)}`);
    const there = log.keys.has(key) ? timeline.stateOf(key, position) : undefined;
    if (there === undefined) tell(`${name} is not part of it`);
    else if (type !== 'put' || value !== there.event.value || revision !== there.revision) {
      const expected = `${JSON.stringify(there.event.value)} of ${there.revision}`;
      tell(`${name} was ${type} ${JSON.stringify(value)} of ${revision}, should be ${expected}`);
    } else if (previous !== undefined) tell(`${name} with a previous value`);
  }
  if (log.livingAt(position) === events.length) return;
  const seen = new Set(events.map(({ key }) => key));
  for (const key of log.keys) {
    if (!seen.has(key) && timeline.stateOf(key, position) !== undefined) tell(`${JSON.stringify(key)} is missing`);
  }
}

/** By bytes. */
function compareKeys(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
