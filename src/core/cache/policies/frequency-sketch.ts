/** Words of 32 bits in one line of the processor's cache: a block. */
const BLOCK_WORDS = 16;
const WORDS_PER_ROW = 4;
const ROWS = 4;
/** Counters of 4 bits in a word. */
const COUNTERS_PER_WORD = 8;
/** Of counters to what they count for: fewer would be shared by too many. */
const COUNTERS_PER_KEY = 16;
const COUNT_MAX = 15;
/** So often a key is seen before what it was seen until then counts half, times the number of keys. */
const HALVED_AFTER = 12;

/**
 * How often was a key seen lately, whether it is held or not? A count-min sketch: each key has a counter in each of four
 * rows, shared with others, and the least of the four is the nearest to the truth, and never below it.
 *
 * All four lie in one block, so that to count costs one access to memory. Counters are halved, so that what was popular
 * is forgotten; not all at once, which would stop the process for a moment, but one word at a time, round and round.
 */
export class FrequencySketch {
  readonly #words: Int32Array;
  readonly #blockMask: number;
  readonly #countsPerWord: number;
  #counted = 0;
  #nextToHalve = 0;

  /** @param keys held at most */
  constructor(keys: number) {
    const words = 2 ** Math.ceil(Math.log2(Math.max(BLOCK_WORDS, (keys * COUNTERS_PER_KEY) / COUNTERS_PER_WORD)));
    this.#words = new Int32Array(words);
    this.#blockMask = words / BLOCK_WORDS - 1;
    this.#countsPerWord = (keys * HALVED_AFTER) / words;
  }

  /** From 0 to 15. @param hash of 32 bits */
  count(hash: number): number {
    const places = spread(hash);
    const block = this.#blockOf(hash);
    let least = COUNT_MAX;
    for (let row = 0; row < ROWS; row++) {
      const place = (places >>> (row * 5)) & 31;
      const count = (this.#words[block + row * WORDS_PER_ROW + (place >>> 3)]! >>> ((place & 7) * 4)) & COUNT_MAX;
      if (count < least) least = count;
    }
    return least;
  }

  add(hash: number): void {
    const places = spread(hash);
    const block = this.#blockOf(hash);
    for (let row = 0; row < ROWS; row++) {
      const place = (places >>> (row * 5)) & 31;
      const at = block + row * WORDS_PER_ROW + (place >>> 3);
      const shift = (place & 7) * 4;
      if (((this.#words[at]! >>> shift) & COUNT_MAX) < COUNT_MAX) this.#words[at]! += 1 << shift;
    }
    this.#counted += 1;
    while (this.#counted >= this.#countsPerWord) this.#halveNext();
  }

  #halveNext(): void {
    this.#counted -= this.#countsPerWord;
    this.#words[this.#nextToHalve] = (this.#words[this.#nextToHalve]! >>> 1) & 0x77777777;
    this.#nextToHalve = (this.#nextToHalve + 1) & (this.#words.length - 1);
  }

  #blockOf(hash: number): number {
    return ((hash ^ (hash >>> 16)) & this.#blockMask) * BLOCK_WORDS;
  }
}

/** Other bits than those that choose the block: keys of one block are to meet in few counters. */
function spread(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  const again = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return again ^ (again >>> 15);
}
