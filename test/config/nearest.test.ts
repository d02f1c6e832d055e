import { expect } from 'chai';
import fc from 'fast-check';
import { nearest } from '../../src/config/nearest.ts';

describe('nearest', () => {
  it('counts insertions, deletions and substitutions', () => {
    expect(nearest('kitten', ['sitting'])).to.deep.equal({ name: 'sitting', edits: 3 });
    expect(nearest('', ['abc']).edits).to.equal(3);
    expect(nearest('abc', ['']).edits).to.equal(3);
    expect(nearest('flaw', ['lawn', 'claw', 'flow'])).to.deep.equal({ name: 'claw', edits: 1 });
  });

  it('is a distance', () => {
    const word = fc.string({ maxLength: 12, unit: fc.constantFrom('A', 'B', '_') });
    const distance = (from: string, to: string) => nearest(from, [to]).edits;
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(distance(a, a)).to.equal(0);
        expect(distance(a, b)).to.equal(distance(b, a));
        expect(distance(a, c)).to.be.at.most(distance(a, b) + distance(b, c));
      }),
    );
  });
});
