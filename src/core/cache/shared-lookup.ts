import type { SharedCache, SharedEntry } from '../../ports/shared-cache.ts';

/**
 * One look into the shared cache per key at a time. Whoever joins late needs no care here: what is found is judged by the
 * one rule when it is used, not when it was asked for.
 */
export class SharedLookup {
  readonly #shared: SharedCache;
  readonly #underWay = new Map<string, Promise<SharedEntry | undefined>>();

  constructor(shared: SharedCache) {
    this.#shared = shared;
  }

  get(key: string): Promise<SharedEntry | undefined> {
    let lookup = this.#underWay.get(key);
    if (lookup === undefined) {
      lookup = this.#shared.get(key).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, lookup);
    }
    return lookup;
  }
}
