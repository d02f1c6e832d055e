/** Tells what happens, a line each, if anybody listens. */
export class Trace {
  readonly #write: ((line: string) => void) | undefined;
  readonly #nowMs: () => number;

  constructor(write: ((line: string) => void) | undefined, nowMs: () => number) {
    this.#write = write;
    this.#nowMs = nowMs;
  }

  /** @param what is called only if somebody listens */
  tell(who: string, what: () => string): void {
    this.#write?.(`${this.#nowMs().toFixed(3).padStart(10)} ${who.padEnd(5)} ${what()}`);
  }
}

/** Epoch and place in it: what is left of a revision of 13 digits that a reader can compare. */
export function shortRevision(revision: bigint | undefined, startOf: (revision: bigint) => bigint): string {
  if (revision === undefined) return '-';
  if (revision < 1n << 40n) return String(revision);
  return `${revision >> 40n}+${revision - startOf(revision) + 1n}`;
}
