import { expect } from 'chai';
import fc from 'fast-check';
import { Ghosts } from '../../../src/core/cache/policies/ghosts.ts';

describe('ghosts', () => {
  it('are those that were dropped last, and did not come back since', () => {
    const hash = fc.oneof(fc.nat(40), fc.integer());
    const step = fc.record({ drop: fc.boolean(), hash, last: fc.nat(16) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const ghosts = new Ghosts(16);
        const dropped: (number | undefined)[] = [];
        const forget = (hash: number) => {
          const place = dropped.lastIndexOf(hash || 1);
          if (place >= 0) dropped[place] = undefined;
          return place < 0 ? Infinity : dropped.length - 1 - place;
        };
        for (const { drop, hash, last } of steps) {
          if (drop) {
            forget(hash);
            dropped.push(hash || 1);
            ghosts.add(hash);
          } else expect(ghosts.take(hash, last)).to.equal(forget(hash) < last);
        }
      }),
      { numRuns: 500 },
    );
  });
});
