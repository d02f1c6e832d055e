import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { beladyHits } from '../../src/bench/hit-ratio/belady.ts';
import { hitRatioPlot, hitRatioReport } from '../../src/bench/hit-ratio/hit-ratio-report.ts';
import { hitRatios } from '../../src/bench/hit-ratio/hit-ratios.ts';
import { readTrace } from '../../src/bench/hit-ratio/read-trace.ts';
import { NEAR_CACHE_POLICIES, type NearCachePolicy } from '../../src/core/cache/near-cache.ts';

const POLICIES = Object.keys(NEAR_CACHE_POLICIES) as NearCachePolicy[];
const accesses = fc
  .array(fc.nat(6), { minLength: 1, maxLength: 14, size: 'max' })
  .map((keys) => Uint32Array.from(keys));

describe('hit ratios', () => {
  it('the optimum is what the best of all choices gives', () => {
    fc.assert(
      fc.property(accesses, fc.integer({ min: 1, max: 4 }), (keys, capacity) => {
        expect(beladyHits(keys, capacity)).to.equal(bestHits([...keys], capacity, []));
      }),
      { numRuns: 200 },
    );
  });

  it('no policy exceeds the optimum', () => {
    const many = fc.array(fc.nat(40), { minLength: 1, maxLength: 300, size: 'max' });
    fc.assert(
      fc.property(many, fc.constantFrom(0.1, 0.3, 1), (keys, size) => {
        const [figure] = hitRatios(Uint32Array.from(keys), [size], POLICIES);
        for (const policy of POLICIES) expect(figure!.ratios[policy]).to.be.at.most(figure!.optimum);
      }),
    );
  });

  it('a cache as large as all keys misses each once, and one without repeats has no hits', () => {
    const keys = Uint32Array.from({ length: 1000 }, (_, at) => at % 100);
    const [all] = hitRatios(keys, [1], POLICIES);
    expect(all).to.deep.include({ entries: 100, optimum: 0.9 });
    expect(all!.ratios.lru).to.equal(0.9);
    const [none] = hitRatios(keys.slice(0, 100), [0.5], POLICIES);
    expect(none!.optimum).to.equal(0);
    expect(Object.values(none!.ratios)).to.deep.equal(POLICIES.map(() => 0));
  });

  it('reads a trace, and refuses one that ends within a number', () => {
    expect([...readTrace(gzipSync(Buffer.from([0, 0, 1, 2, 255, 255, 255, 255])))]).to.deep.equal([258, 0xffffffff]);
    expect(() => readTrace(gzipSync(Buffer.alloc(5)))).to.throw('ends within a number');
  });

  it('tells of each load, the means, and how far each policy is behind', () => {
    const figure = { size: 0.01, entries: 10, optimum: 0.9, ratios: { lru: 0.5, 's3-fifo': 0.7 } };
    const replayed = [{ load: 'one', accesses: 1, figures: [figure, { ...figure, size: 0.1 }] }];
    const report = hitRatioReport(replayed);
    expect(report).to.match(/\| one +\| +1 % \| +10 \| +50\.0 \| +70\.0 \| +90\.0 \|/);
    expect(report).to.match(/behind the best policy at most \| +\| +\| +20\.0 \| +0\.0 \|/);
    expect(hitRatioPlot(replayed)).to.include('>s3-fifo</text>').and.include('>1 %</text>');
  });
});

/** By trying every choice: what to drop, or not to keep what came. */
function bestHits([key, ...rest]: readonly number[], capacity: number, held: readonly number[]): number {
  if (key === undefined) return 0;
  if (held.includes(key)) return 1 + bestHits(rest, capacity, held);
  const choices = [held, ...held.map((dropped) => [...held.filter((other) => other !== dropped), key])];
  if (held.length < capacity) choices.push([...held, key]);
  return Math.max(...choices.map((choice) => bestHits(rest, capacity, choice)));
}
