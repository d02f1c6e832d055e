import type { Change, ChangeSelection } from './near-cache.ts';

type Listener = (change: Change) => void;

/** Who wants to be told of which changes. */
export class Listeners {
  readonly #byKey = new Map<string, Set<{ readonly listener: Listener }>>();
  readonly #byPrefix = new Set<{ readonly prefix: string; readonly listener: Listener }>();
  readonly #log: (line: string) => void;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** @returns how to end it */
  add(selection: ChangeSelection, listener: Listener): () => void {
    if (typeof selection !== 'string') {
      const registered = { prefix: selection.prefix, listener };
      this.#byPrefix.add(registered);
      return () => void this.#byPrefix.delete(registered);
    }
    const registered = { listener };
    const ofKey = this.#byKey.get(selection) ?? new Set();
    this.#byKey.set(selection, ofKey.add(registered));
    return () => {
      ofKey.delete(registered);
      if (ofKey.size === 0 && this.#byKey.get(selection) === ofKey) this.#byKey.delete(selection);
    };
  }

  tell(changes: readonly Change[]): void {
    if (this.#byKey.size === 0 && this.#byPrefix.size === 0) return;
    for (const change of changes) {
      for (const { listener } of [...(this.#byKey.get(change.key) ?? [])]) this.#call(listener, change);
      for (const { prefix, listener } of [...this.#byPrefix]) {
        if (change.key.startsWith(prefix)) this.#call(listener, change);
      }
    }
  }

  #call(listener: Listener, change: Change): void {
    try {
      listener(change);
    } catch (error) {
      this.#log(`near cache: a listener for ${change.key} threw ${error}`);
    }
  }
}
