import type { LogEntry } from '../../model/event.ts';
import { storedBytes } from './store-judge.ts';

// What pages of the memory store hold, and in which order.

export function wholeEntry({ revision, batchId, events }: LogEntry): LogEntry {
  return { revision, batchId, events };
}

export function bareEntry({ revision, batchId, events }: LogEntry): LogEntry {
  return { revision, batchId, events: events.map(({ type, key }) => ({ type, key, revision })) };
}

export function entryBytes({ events }: LogEntry): number {
  return events.reduce(
    (sum, { key, parameter, previous }) =>
      sum + (parameter ? storedBytes(parameter) + storedBytes(previous) : 96 + Buffer.byteLength(key)),
    0,
  );
}

/** As many from the start as fit, but one at least. */
export function withinBytes<T>(items: readonly T[], bytesMax: number, bytesOf: (item: T) => number): T[] {
  let bytes = 0;
  const end = items.findIndex((item, index) => {
    bytes += bytesOf(item);
    return bytes > bytesMax && index > 0;
  });
  return items.slice(0, end === -1 ? items.length : end);
}

/** The order of keys: by UTF-8 bytes, which is not the order of JavaScript's UTF-16 units. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
