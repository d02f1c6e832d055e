import type { Violation } from './history.ts';
import { KINDS, type Kind } from './kinds.ts';

/** Of each kind so many are told; more of them say nothing new. */
const TOLD_OF_A_KIND_MAX = 100;

/** What the checks have found. */
export class Findings {
  readonly #violations: Violation[] = [];
  readonly #found = new Map<Kind, number>();

  /** @param message called only if it is told */
  add(kind: Kind, message: () => string): void {
    const found = (this.#found.get(kind) ?? 0) + 1;
    this.#found.set(kind, found);
    if (found <= TOLD_OF_A_KIND_MAX) this.#violations.push({ promise: KINDS[kind], kind, message: message() });
  }

  get violations(): readonly Violation[] {
    return this.#violations;
  }

  /** How many there are of each kind. */
  get found(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#found);
  }
}
