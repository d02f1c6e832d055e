import { seededRandom } from '../support/seeded-random.ts';

/** Everything that is left to chance, from one seed. */
export class Chance {
  /** Uniform in [0, 1). */
  readonly random: () => number;

  constructor(seed: number) {
    // Neighbouring seeds would begin alike.
    this.random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  }

  /** True in so many of 1. */
  of(share: number): boolean {
    return this.random() < share;
  }

  /** A whole number from 0. */
  below(end: number): number {
    return Math.floor(this.random() * end);
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** Hexadecimal digits, at most 8 of one number. */
  hex(digits: number): string {
    let text = '';
    while (text.length < digits)
      text += Math.floor(this.random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return text.slice(0, digits);
  }
}
