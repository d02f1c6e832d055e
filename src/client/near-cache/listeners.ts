import { textOf } from '../rpc-error.ts';
import { Callbacks } from './callbacks.ts';
import type { Change, ChangeSelection } from './near-cache.ts';

/** Who wants to be told of which changes. */
export class Listeners {
  readonly #ofKeys = new Map<string, Callbacks<Change>>();
  readonly #ofPrefixes = new Map<string, Callbacks<Change>>();
  readonly #log: (line: string) => void;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** @returns how to end it */
  add(selection: ChangeSelection, listener: (change: Change) => void): () => void {
    const isKey = typeof selection === 'string';
    const [among, name] = isKey ? [this.#ofKeys, selection] : [this.#ofPrefixes, selection.prefix];
    const callbacks = among.get(name) ?? new Callbacks();
    among.set(name, callbacks);
    const end = callbacks.add(listener);
    return () => {
      end();
      if (callbacks.size === 0 && among.get(name) === callbacks) among.delete(name);
    };
  }

  tell(changes: readonly Change[]): void {
    if (this.#ofKeys.size === 0 && this.#ofPrefixes.size === 0) return;
    for (const change of changes) {
      const { key } = change;
      const failed = (error: unknown) => this.#log(`near cache: a listener for ${key} threw ${textOf(error)}`);
      this.#ofKeys.get(key)?.call(change, failed);
      for (const [prefix, callbacks] of [...this.#ofPrefixes]) {
        if (key.startsWith(prefix)) callbacks.call(change, failed);
      }
    }
  }
}
