/**
 * Keys that were dropped lately, by their hashes: which came back? A Map of them would take more than many an entry, and
 * so would their keys. Here a ghost is 12 bytes: a ring of hashes in the order of dropping, and a table that finds their
 * places in it (open addressing; twice as many slots as places).
 */
export class Ghosts {
  /** 0: a place that is free. */
  readonly #hashes: Int32Array;
  /** Place in the ring + 1; 0: free. */
  readonly #slots: Int32Array;
  /** Dropped since the start. */
  #count = 0;

  /** @param lengthMax so many are remembered, or up to twice that */
  constructor(lengthMax: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(2, lengthMax)));
    this.#hashes = new Int32Array(places);
    this.#slots = new Int32Array(places * 2);
  }

  add(hash: number): void {
    const place = this.#count & (this.#hashes.length - 1);
    if (this.#hashes[place] !== 0) this.#free(this.#slotOf(this.#hashes[place]!));
    const known = this.#slotOf(hash || 1);
    if (this.#slots[known] !== 0) this.#hashes[this.#slots[known]! - 1] = 0;
    this.#hashes[place] = hash || 1;
    this.#slots[known] = place + 1;
    this.#count += 1;
  }

  /** Whether it is one of the last so many. It is none any more. */
  take(hash: number, last: number): boolean {
    const slot = this.#slotOf(hash || 1);
    if (this.#slots[slot] === 0) return false;
    const place = this.#slots[slot]! - 1;
    const later = (this.#count - 1 - place) & (this.#hashes.length - 1);
    this.#hashes[place] = 0;
    this.#free(slot);
    return later < last;
  }

  /** Where it is, or would be. */
  #slotOf(hash: number): number {
    const { length } = this.#slots;
    let slot = homeOf(hash, length);
    while (this.#slots[slot] !== 0 && this.#hashes[this.#slots[slot]! - 1] !== hash) slot = (slot + 1) & (length - 1);
    return slot;
  }

  /** And moves up those behind it that would not be found any more. */
  #free(slot: number): void {
    const mask = this.#slots.length - 1;
    let gap = slot;
    for (let next = (gap + 1) & mask; this.#slots[next] !== 0; next = (next + 1) & mask) {
      const home = homeOf(this.#hashes[this.#slots[next]! - 1]!, this.#slots.length);
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      this.#slots[gap] = this.#slots[next]!;
      gap = next;
    }
    this.#slots[gap] = 0;
  }
}

function homeOf(hash: number, slots: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> (Math.clz32(slots) + 1);
}
