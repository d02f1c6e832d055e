// Policies written for clarity: arrays of keys, the oldest first, and a look through all of them for everything.
import { keyHash } from '../../../src/core/cache/key-hash.ts';
import type { NearCachePolicy } from '../../../src/core/cache/near-cache.ts';
import type { Bounds } from '../../../src/core/cache/policies/eviction-policy.ts';
import { FrequencySketch } from '../../../src/core/cache/policies/frequency-sketch.ts';

/** Bytes by key, of all that is held. */
export type Held = ReadonlyMap<string, number>;

export interface PolicyModel {
  add(key: string): void;
  use(key: string): void;
  remove(key: string): void;
  victim(): string;
}

export const MODELS: Record<NearCachePolicy, (bounds: Bounds, held: Held) => PolicyModel> = {
  lru: lruModel,
  lfu: lfuModel,
  's3-fifo': s3FifoModel,
  'w-tinylfu': wTinyLfuModel,
};

function lruModel(): PolicyModel {
  let keys: string[] = [];
  return {
    add: (key) => keys.push(key),
    use: (key) => {
      keys = [...without(keys, key), key];
    },
    remove: (key) => {
      keys = without(keys, key);
    },
    victim: () => keys[0]!,
  };
}

function lfuModel(): PolicyModel {
  let nodes: { readonly key: string; readonly uses: number; readonly rank: number }[] = [];
  let age = 0;
  const put = (key: string, uses: number) => {
    nodes = [...nodes.filter((node) => node.key !== key), { key, uses, rank: age + uses }];
  };
  return {
    add: (key) => put(key, 1),
    use: (key) => put(key, Math.min(63, nodes.find((node) => node.key === key)!.uses + 1)),
    remove: (key) => {
      nodes = nodes.filter((node) => node.key !== key);
    },
    victim() {
      age = Math.min(...nodes.map(({ rank }) => rank));
      return nodes.find(({ rank }) => rank === age)!.key;
    },
  };
}

function s3FifoModel(bounds: Bounds, held: Held): PolicyModel {
  let [small, main]: string[][] = [[], []];
  const uses = new Map<string, number>();
  const ghosts = ghostsModel();
  return {
    add(key) {
      uses.set(key, 0);
      if (ghosts.take(key, main!.length)) main!.push(key);
      else small!.push(key);
    },
    use: (key) => uses.set(key, Math.min(3, uses.get(key)! + 1)),
    remove(key) {
      small = without(small!, key);
      main = without(main!, key);
    },
    victim() {
      while (share(small!, held, bounds) >= 0.1) {
        const key = small![0]!;
        if (uses.get(key)! < 2) {
          ghosts.add(key);
          return key;
        }
        small = small!.slice(1);
        main = [...main!, key];
        uses.set(key, 0);
      }
      while (main!.length > 0 && uses.get(main![0]!)! > 0) {
        uses.set(main![0]!, uses.get(main![0]!)! - 1);
        main = [...main!.slice(1), main![0]!];
      }
      return main![0] ?? small![0]!;
    },
  };
}

/** With the sketch as it is, which has a test of its own. */
function wTinyLfuModel(bounds: Bounds, held: Held): PolicyModel {
  let [window, probation, kept]: string[][] = [[], [], []];
  let windowShare = 0.2;
  const sketch = new FrequencySketch(bounds.entriesMax);
  const [turnedAway, displaced] = [ghostsModel(), ghostsModel()];
  const windowIsFull = () => window!.length > 0 && share(window!, held, bounds) >= windowShare;
  return {
    add(key) {
      sketch.add(keyHash(key));
      const entries = window!.length + probation!.length + kept!.length;
      const [margin, step] = [Math.max(1, entries / 10), Math.max(0.001, 1 / Math.max(1, entries))];
      if (turnedAway.take(key, margin)) windowShare = Math.min(1, windowShare + step);
      if (displaced.take(key, margin)) windowShare = Math.max(0.01, windowShare - step);
      for (let moves = 0; moves < 2 && windowIsFull(); moves++) probation!.push(window!.shift()!);
      window!.push(key);
    },
    use(key) {
      sketch.add(keyHash(key));
      if (window!.includes(key)) window = [...without(window!, key), key];
      else if (kept!.includes(key)) kept = [...without(kept!, key), key];
      else {
        probation = without(probation!, key);
        kept!.push(key);
        const most = (1 - windowShare) * 0.8;
        for (let moves = 0; moves < 2 && share(kept!, held, bounds) > most; moves++) probation.push(kept!.shift()!);
      }
    },
    remove(key) {
      window = without(window!, key);
      probation = without(probation!, key);
      kept = without(kept!, key);
    },
    victim() {
      const oldest = probation![0] ?? kept![0];
      if (oldest === undefined) return window![0]!;
      if (windowIsFull()) {
        const newcomer = window![0]!;
        if (sketch.count(keyHash(newcomer)) <= sketch.count(keyHash(oldest))) {
          turnedAway.add(newcomer);
          return newcomer;
        }
        window!.shift();
        probation!.push(newcomer);
      }
      displaced.add(oldest);
      return oldest;
    },
  };
}

function ghostsModel() {
  const dropped: (string | undefined)[] = [];
  return {
    add: (key: string) => dropped.push(key),
    take(key: string, last: number): boolean {
      const place = dropped.lastIndexOf(key);
      if (place < 0) return false;
      dropped[place] = undefined;
      return dropped.length - 1 - place < last;
    },
  };
}

function share(keys: readonly string[], held: Held, { entriesMax, bytesMax }: Bounds): number {
  const bytes = keys.reduce((sum, key) => sum + held.get(key)!, 0);
  return Math.max(keys.length / entriesMax, bytes / bytesMax);
}

function without(keys: readonly string[], key: string): string[] {
  return keys.filter((other) => other !== key);
}
