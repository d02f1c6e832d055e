// Problem: to know of a million keys which were there already, without a million strings in memory (some 150 MB).
// Chosen answer: 96 bits of each key's SHA-256 in an open table of typed arrays: 16 to 32 bytes a key, outside of the
// heap. Two of a million keys are taken for one once in 10^17 files.
import { hash } from 'node:crypto';

const SLOTS_INITIAL = 1 << 12;
const WORDS = 3;

export class SeenKeys {
  private slots = new Uint32Array(SLOTS_INITIAL * WORDS);
  private count = 0;

  get size(): number {
    return this.count;
  }

  has(key: string): boolean {
    return this.find(wordsOf(key)).present;
  }

  /** @returns whether it is new */
  add(key: string): boolean {
    const words = wordsOf(key);
    const { at, present } = this.find(words);
    if (present) return false;
    this.slots.set(words, at);
    this.count++;
    if (this.count * WORDS * 4 > this.slots.length * 3) this.grow();
    return true;
  }

  private find(words: Uint32Array): { at: number; present: boolean } {
    const [first = 0, second, third] = words;
    const { slots } = this;
    const mask = slots.length / WORDS - 1;
    for (let slot = first & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (slots[at] === 0) return { at, present: false };
      if (slots[at] === first && slots[at + 1] === second && slots[at + 2] === third) return { at, present: true };
    }
  }

  private grow(): void {
    const before = this.slots;
    this.slots = new Uint32Array(before.length * 2);
    for (let at = 0; at < before.length; at += WORDS) {
      if (before[at] === 0) continue;
      const words = before.subarray(at, at + WORDS);
      this.slots.set(words, this.find(words).at);
    }
  }
}

/** The first word is never 0, which stands for an empty slot. */
function wordsOf(key: string): Uint32Array {
  const digest = hash('sha256', key, 'buffer');
  return Uint32Array.of(digest.readUInt32LE(0) || 1, digest.readUInt32LE(4), digest.readUInt32LE(8));
}
