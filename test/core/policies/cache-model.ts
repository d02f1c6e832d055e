import {
  ABSENT_SHARE,
  entryBytes,
  type NearCachePolicy,
  type NearEntry,
  shareOf,
} from '../../../src/core/cache/near-cache.ts';
import type { Bounds } from '../../../src/core/cache/policies/eviction-policy.ts';
import { MODELS, type PolicyModel } from './model.ts';

/** What the near cache should hold, by the models of its policies. */
export class CacheModel {
  readonly #policy: NearCachePolicy;
  readonly #limits: Bounds;
  #present: PartModel;
  #absent: PartModel;

  constructor(policy: NearCachePolicy, limits: Bounds) {
    this.#policy = policy;
    this.#limits = limits;
    [this.#present, this.#absent] = this.#emptyParts();
  }

  get(key: string): void {
    for (const part of this.#parts()) if (part.held.has(key)) part.policy.use(key);
  }

  set(key: string, entry: NearEntry): void {
    const [here, other] = entry.encoded === null ? [this.#absent, this.#present] : [this.#present, this.#absent];
    const bytes = entryBytes(key, entry);
    drop(other, key);
    if (bytes > here.bounds.bytesMax) drop(here, key);
    else if (here.held.has(key)) {
      here.held.set(key, bytes);
      makeRoom(here, 0, 0);
    } else {
      makeRoom(here, 1, bytes);
      here.held.set(key, bytes);
      here.policy.add(key);
    }
  }

  delete(key: string): void {
    for (const part of this.#parts()) drop(part, key);
  }

  clear(): void {
    [this.#present, this.#absent] = this.#emptyParts();
  }

  keys(): string[] {
    return this.#parts().flatMap(({ held }) => [...held.keys()]);
  }

  bytes(): number {
    return this.#parts().reduce((sum, { held }) => sum + bytesOf(held), 0);
  }

  #parts(): readonly PartModel[] {
    return [this.#present, this.#absent];
  }

  #emptyParts(): [PartModel, PartModel] {
    const empty = (share: number) => {
      const bounds = shareOf(this.#limits, share);
      const held = new Map<string, number>();
      return { bounds, held, policy: MODELS[this.#policy](bounds, held) };
    };
    return [empty(1 - ABSENT_SHARE), empty(ABSENT_SHARE)];
  }
}

interface PartModel {
  readonly bounds: Bounds;
  readonly held: Map<string, number>;
  readonly policy: PolicyModel;
}

function makeRoom(part: PartModel, entries: number, bytes: number): void {
  const { held, bounds } = part;
  while (held.size + entries > bounds.entriesMax || bytesOf(held) + bytes > bounds.bytesMax) {
    drop(part, part.policy.victim());
  }
}

function drop({ held, policy }: PartModel, key: string): void {
  if (held.delete(key)) policy.remove(key);
}

function bytesOf(held: ReadonlyMap<string, number>): number {
  return [...held.values()].reduce((sum, bytes) => sum + bytes, 0);
}
