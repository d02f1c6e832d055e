import { callSafely } from './call-safely.ts';

/** What callers gave to be called, in the order they gave it. */
export class Callbacks<A> {
  readonly #registered = new Set<{ readonly callback: (argument: A) => void }>();

  get size(): number {
    return this.#registered.size;
  }

  /** The same function twice is called twice. @returns how to end it */
  add(callback: (argument: A) => void): () => void {
    const registered = { callback };
    this.#registered.add(registered);
    return () => void this.#registered.delete(registered);
  }

  /** Those that were there before; what one of them ends is not called any more. */
  call(argument: A, failed: (error: unknown) => void): void {
    for (const registered of [...this.#registered]) {
      if (this.#registered.has(registered)) callSafely(registered.callback, argument, failed);
    }
  }
}
