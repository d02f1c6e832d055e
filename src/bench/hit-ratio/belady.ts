/**
 * Hits of the best that can be (Belady's optimum): what is needed again latest is dropped first, and what is needed later
 * than all that is held is not kept at all. Keys are numbers from 0.
 */
export function beladyHits(accesses: Uint32Array, capacity: number): number {
  const nextUses = nextUsesOf(accesses);
  /** Of keys that are held; 0: not held. */
  const heldUntil = new Map<number, number>();
  const latest = new LatestFirst();
  let hits = 0;
  for (let at = 0; at < accesses.length; at++) {
    const key = accesses[at]!;
    const next = nextUses[at]!;
    if (heldUntil.has(key)) hits += 1;
    heldUntil.set(key, next);
    latest.push(key, next);
    if (heldUntil.size <= capacity) continue;
    // Keys that were used since lie in the heap with older times, too.
    let dropped = latest.pop();
    while (heldUntil.get(dropped.key) !== dropped.time) dropped = latest.pop();
    heldUntil.delete(dropped.key);
  }
  return hits;
}

/** Where each access's key is accessed next; beyond the end, all at other places: never. */
function nextUsesOf(accesses: Uint32Array): Float64Array {
  const nextUses = new Float64Array(accesses.length);
  const seen = new Map<number, number>();
  for (let at = accesses.length - 1; at >= 0; at--) {
    nextUses[at] = seen.get(accesses[at]!) ?? accesses.length + at;
    seen.set(accesses[at]!, at);
  }
  return nextUses;
}

/** A binary heap. */
class LatestFirst {
  readonly #keys: number[] = [];
  readonly #times: number[] = [];

  push(key: number, time: number): void {
    let at = this.#keys.length;
    for (let parent = (at - 1) >> 1; at > 0 && this.#times[parent]! < time; parent = (at - 1) >> 1) {
      this.#put(at, this.#keys[parent]!, this.#times[parent]!);
      at = parent;
    }
    this.#put(at, key, time);
  }

  pop(): { readonly key: number; readonly time: number } {
    const top = { key: this.#keys[0]!, time: this.#times[0]! };
    const key = this.#keys.pop()!;
    const time = this.#times.pop()!;
    const { length } = this.#keys;
    if (length === 0) return top;
    let at = 0;
    for (let child = 1; child < length; child = at * 2 + 1) {
      if (child + 1 < length && this.#times[child + 1]! > this.#times[child]!) child += 1;
      if (this.#times[child]! <= time) break;
      this.#put(at, this.#keys[child]!, this.#times[child]!);
      at = child;
    }
    this.#put(at, key, time);
    return top;
  }

  #put(at: number, key: number, time: number): void {
    this.#keys[at] = key;
    this.#times[at] = time;
  }
}
