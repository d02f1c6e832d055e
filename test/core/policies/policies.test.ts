import { expect } from 'chai';
import fc from 'fast-check';
import {
  entryBytes,
  NEAR_CACHE_POLICIES,
  NearCache,
  type NearCachePolicy,
  type NearEntry,
} from '../../../src/core/cache/near-cache.ts';
import { CacheModel } from './cache-model.ts';

const entry = (bytes: number | null): NearEntry => ({
  encoded: bytes === null ? null : new Uint8Array(bytes),
  revision: 1n,
  expiresAtMs: Infinity,
  ttlMs: 1,
});

/** Some keys are asked for more often than others, as they are. */
const key = fc.tuple(fc.nat(9), fc.nat(4)).map(([one, other]) => `k${one * other}`);
const limits = fc.record({
  entriesMax: fc.integer({ min: 1, max: 24 }),
  bytesMax: fc.integer({ min: 1, max: 24_000 }),
});
const bytes = fc.oneof({ weight: 6, arbitrary: fc.nat(200) }, fc.nat(3_000), fc.constant(30_000), fc.constant(null));
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('read' as const), key, bytes }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('get' as const), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('set' as const), key, bytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('peek' as const), key }) },
);
const steps = fc.array(fc.oneof({ weight: 100, arbitrary: step }, fc.constant({ kind: 'clear' as const })), {
  maxLength: 400,
  size: 'max',
});
type Step = (typeof steps extends fc.Arbitrary<infer T> ? T : never) extends readonly (infer S)[] ? S : never;

for (const policy of Object.keys(NEAR_CACHE_POLICIES) as NearCachePolicy[]) {
  describe(`the policy ${policy}`, () => {
    it('holds after each step what its model holds', () => {
      fc.assert(
        fc.property(limits, steps, (limits, steps) => {
          const cache = new NearCache(policy, limits);
          const model = new CacheModel(policy, limits);
          for (const step of steps) {
            take(step, cache, model);
            expect([...cache.keys()].sort()).to.deep.equal(model.keys().sort());
            expect(cache.bytes).to.equal(model.bytes());
          }
        }),
        { numRuns: 300 },
      );
    });

    it('keeps its bounds, counts its bytes, finds its keys, and gives what was set last', () => {
      fc.assert(
        fc.property(limits, steps, (limits, steps) => {
          const cache = new NearCache(policy, limits);
          const last = new Map<string, NearEntry>();
          for (const step of steps) {
            if (step.kind === 'set' || (step.kind === 'read' && cache.peek(step.key) === undefined)) {
              last.set(step.key, entry(step.bytes));
              cache.set(step.key, last.get(step.key)!);
            } else take(step, cache);
            if (step.kind === 'delete') expect(cache.peek(step.key)).to.equal(undefined);
            const keys = [...cache.keys()];
            for (const key of keys) expect(cache.peek(key)).to.equal(last.get(key));
            for (const key of last.keys()) expect(cache.peek(key) !== undefined).to.equal(keys.includes(key));
            expect(cache.bytes).to.equal(keys.reduce((sum, key) => sum + entryBytes(key, last.get(key)!), 0));
            expect(cache.entries).to.equal(keys.length);
            // A bound too small for one entry is one entry's room: one that is there, one that is not.
            expect(cache.entries).to.be.at.most(Math.max(2, limits.entriesMax));
            expect(cache.bytes).to.be.at.most(Math.max(limits.bytesMax, 2 * entryBytes('', entry(0))));
          }
        }),
        { numRuns: 100 },
      );
    });

    it('evicts as many as a large entry needs, and keeps it', () => {
      const cache = new NearCache(policy, { entriesMax: 1000, bytesMax: 100_000 });
      for (let at = 0; at < 500; at++) cache.set(`k${at}`, entry(10));
      cache.set('large', entry(90_000));
      expect(cache.peek('large')?.encoded).to.have.length(90_000);
      expect(cache.bytes).to.be.at.most(100_000);
    });

    it('drops what was there of a key whose new entry is too large to keep', () => {
      const cache = new NearCache(policy, { entriesMax: 1000, bytesMax: 100_000 });
      cache.set('a', entry(10));
      cache.set('a', entry(100_000));
      expect(cache.get('a')).to.equal(undefined);
      expect(cache.bytes).to.equal(0);
    });

    it('forgets what was popular when other keys are', () => {
      const cache = new NearCache(policy, { entriesMax: 100, bytesMax: 1 << 20 });
      const read = (key: string) => {
        if (cache.get(key) !== undefined) return true;
        cache.set(key, entry(10));
        return false;
      };
      for (let round = 0; round < 100; round++) for (let at = 0; at < 80; at++) read(`old${at}`);
      let hits = 0;
      for (let round = 0; round < 100; round++) for (let at = 0; at < 80; at++) if (read(`new${at}`)) hits += 1;
      expect(hits / 8_000).to.be.above(0.8);
    });
  });
}

function take(step: Step, cache: NearCache, model?: CacheModel): void {
  switch (step.kind) {
    case 'read':
      if (cache.get(step.key) === undefined) {
        cache.set(step.key, entry(step.bytes));
        model?.set(step.key, entry(step.bytes));
      } else model?.get(step.key);
      break;
    case 'get':
      cache.get(step.key);
      model?.get(step.key);
      break;
    case 'set':
      cache.set(step.key, entry(step.bytes));
      model?.set(step.key, entry(step.bytes));
      break;
    case 'delete':
      cache.delete(step.key);
      model?.delete(step.key);
      break;
    case 'peek':
      cache.peek(step.key);
      break;
    case 'clear':
      cache.clear();
      model?.clear();
  }
}
