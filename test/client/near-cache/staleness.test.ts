import { expect } from 'chai';
import fc from 'fast-check';
import type { NearCache } from '../../../src/client/index.ts';
import { openNearCache } from '../../../src/client/near-cache/open-near-cache.ts';
import { ModelFleet } from './model-fleet.ts';
import { type VirtualTime, virtualTime } from './virtual-time.ts';

const REPLICAS = 3;
const replica = fc.nat(REPLICAS - 1);

/** Retries back off, up to 30 s. */
const HEALED_WITHIN_MS = 60_000;

type Step = (fleet: ModelFleet, time: VirtualTime) => unknown;

/** What may happen, in any order. A number is how many ms pass. */
const step: fc.Arbitrary<[name: string, step: Step]> = fc.oneof(
  { weight: 8, arbitrary: fc.nat(800).map((ms) => named(`pass ${ms}`, () => ms)) },
  { weight: 1, arbitrary: fc.nat(20_000).map((ms) => named(`pass ${ms}`, () => ms)) },
  { weight: 6, arbitrary: fc.constantFrom('app:a', 'app:b', 'other:c').map((k) => named(k, (f) => f.write(k))) },
  { weight: 2, arbitrary: replica.map((i) => named(`cut off ${i}`, (f) => f.cutOff(i, true))) },
  { weight: 2, arbitrary: replica.map((i) => named(`join ${i}`, (f) => f.cutOff(i, false))) },
  { weight: 3, arbitrary: replica.map((i) => named(`hear ${i}`, (f) => f.hear(i, 1))) },
  { weight: 2, arbitrary: replica.map((i) => named(`freeze ${i}`, (f) => f.freeze(i, true))) },
  { weight: 2, arbitrary: replica.map((i) => named(`thaw ${i}`, (f) => f.freeze(i, false))) },
  { weight: 2, arbitrary: fc.tuple(replica, fc.nat(900)).map(([i, ms]) => named(`delay ${i}`, (f) => f.delay(i, ms))) },
  { weight: 2, arbitrary: replica.map((i) => named(`break ${i}`, (f) => f.breakStreams(i))) },
  { weight: 1, arbitrary: fc.nat(3).map((n) => named(`lose ${n}`, (f) => f.rollBack(n))) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: -10_000, max: 10_000 }).map((ms) => named(`wall ${ms}`, (_, t) => t.jumpWall(ms))),
  },
);

function named(name: string, run: Step): [string, Step] {
  return [name, run];
}

/** The same every time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function check(cache: NearCache, fleet: ModelFleet): void {
  if (cache.source === 'NOT_READY') return;
  const held = new Map(cache.entries() as Iterable<[string, string]>);
  expect(Object.fromEntries(held), `is not the state at ${cache.revision}`).to.deep.equal(
    Object.fromEntries(fleet.stateAt(cache.revision) ?? []),
  );
  const { stalenessBoundMs, degraded } = cache.detail('string', 'app:a', '');
  if (stalenessBoundMs === undefined) expect(degraded).to.equal(true);
  else expect(stalenessBoundMs, 'bound').to.be.at.least(fleet.stalenessMs(held) - 1e-3);
}

async function pass(ms: number, time: VirtualTime, look: () => void): Promise<void> {
  for (let left = ms; left > 0; left -= 150) {
    await time.advance(Math.min(150, left));
    look();
  }
  await time.advance(0);
  look();
}

describe('near cache: staleness bound', () => {
  it('is never below the truth, and what is read is the state at its revision (C5)', async function () {
    this.timeout(120_000);
    const histories = fc.tuple(fc.array(step, { minLength: 5, maxLength: 60 }), fc.constantFrom(1000, 2000, 5000));
    await fc.assert(
      fc.asyncProperty(histories, async ([steps, maxStalenessMs]) => {
        const time = virtualTime(chance(1));
        const fleet = new ModelFleet(time, REPLICAS);
        const cache = openNearCache(fleet.client(), { prefixes: ['app:'], maxStalenessMs, log: () => {} }, time);
        try {
          for (const [, run] of steps) {
            const ms = run(fleet, time);
            await pass(typeof ms === 'number' ? ms : 0, time, () => check(cache, fleet));
          }
          // It heals without help.
          fleet.heal();
          await pass(HEALED_WITHIN_MS, time, () => check(cache, fleet));
          const held = new Map(cache.entries() as Iterable<[string, string]>);
          expect(fleet.stalenessMs(held), 'staleness after all').to.equal(0);
          expect(cache.detail('string', 'app:a', '').degraded, 'degraded after all').to.equal(false);
        } finally {
          await cache.close();
        }
      }),
      {
        numRuns: Number(process.env.PARAMD_TEST_NEAR_CACHE_RUNS ?? 300),
        seed: Number(process.env.PARAMD_TEST_SEED ?? 1),
      },
    );
  });
});
