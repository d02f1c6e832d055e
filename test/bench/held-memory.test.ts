import { expect } from 'chai';
import { measureHeldBytes } from '../../src/bench/held-memory/measure-held-bytes.ts';
import { NEAR_CACHE_POLICIES, type NearCachePolicy } from '../../src/core/cache/near-cache.ts';

describe('what the near cache counts', () => {
  for (const policy of Object.keys(NEAR_CACHE_POLICIES) as NearCachePolicy[]) {
    for (const valueBytes of [10, 100, 1024]) {
      it(`is what it takes, within a tenth: ${policy}, ${valueBytes} bytes`, async function () {
        if (process.platform !== 'linux') this.skip(); // it is measured by /proc
        const { entries, counted, taken } = await measureHeldBytes({ policy, valueBytes, entries: 100_000 });
        expect(entries).to.equal(100_000);
        expect(taken / counted).to.be.within(0.9, 1.1);
      });
    }
  }
});
