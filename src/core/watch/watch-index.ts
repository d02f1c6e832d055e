import type { Event } from '../../model/event.ts';
import type { KeyFilter } from './key-filter.ts';

/** Finds who is interested in a key, in time that does not grow with the number of watches. */
export class WatchIndex<W> {
  readonly #byKey = new Map<string, Set<W>>();
  readonly #byPrefix = new Map<string, Set<W>>();
  /** How many prefixes there are of each length, so that only lengths that occur are tried. */
  readonly #lengths = new Map<number, number>();

  add(watcher: W, filter: KeyFilter): void {
    for (const key of filter.keys) addTo(this.#byKey, key, watcher);
    for (const prefix of filter.prefixes) {
      if (addTo(this.#byPrefix, prefix, watcher)) {
        this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
      }
    }
  }

  remove(watcher: W, filter: KeyFilter): void {
    for (const key of filter.keys) removeFrom(this.#byKey, key, watcher);
    for (const prefix of filter.prefixes) {
      if (!removeFrom(this.#byPrefix, prefix, watcher)) continue;
      const left = this.#lengths.get(prefix.length)! - 1;
      if (left === 0) this.#lengths.delete(prefix.length);
      else this.#lengths.set(prefix.length, left);
    }
  }

  /**
   * The events of one revision for each watcher that any of them concerns. Watchers with the same matches get the same
   * array, so that it is encoded once.
   */
  matches(events: readonly Event[]): ReadonlyMap<W, readonly Event[]> {
    const found = new Map<W, number[]>();
    for (const [at, event] of events.entries()) {
      for (const watcher of this.#interestedIn(event.key)) {
        const places = found.get(watcher);
        if (places === undefined) found.set(watcher, [at]);
        else if (places.at(-1) !== at) places.push(at);
      }
    }
    const groups = new Map<string, readonly Event[]>();
    const matches = new Map<W, readonly Event[]>();
    for (const [watcher, places] of found) {
      if (places.length === events.length) {
        matches.set(watcher, events);
        continue;
      }
      const name = places.join();
      let group = groups.get(name);
      if (group === undefined) {
        group = places.map((at) => events[at]!);
        groups.set(name, group);
      }
      matches.set(watcher, group);
    }
    return matches;
  }

  *#interestedIn(key: string): Iterable<W> {
    yield* this.#byKey.get(key) ?? [];
    for (const length of this.#lengths.keys()) {
      if (length <= key.length) yield* this.#byPrefix.get(key.slice(0, length)) ?? [];
    }
  }
}

/** @returns whether the name is new */
function addTo<W>(index: Map<string, Set<W>>, name: string, watcher: W): boolean {
  const set = index.get(name);
  if (set === undefined) index.set(name, new Set([watcher]));
  else set.add(watcher);
  return set === undefined;
}

/** @returns whether the name is gone */
function removeFrom<W>(index: Map<string, Set<W>>, name: string, watcher: W): boolean {
  const set = index.get(name);
  set?.delete(watcher);
  if (set?.size !== 0) return false;
  return index.delete(name);
}
