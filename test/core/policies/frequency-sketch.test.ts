import { expect } from 'chai';
import fc from 'fast-check';
import { keyHash } from '../../../src/core/cache/key-hash.ts';
import { FrequencySketch } from '../../../src/core/cache/policies/frequency-sketch.ts';

describe('the sketch of frequencies', () => {
  it('never counts less than there was, up to 15, but where it was halved', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200, size: 'max' }), (keys) => {
        // In 200 additions it halves some 30 of 262,144 words: one of these keys may be there.
        const sketch = new FrequencySketch(100_000);
        const counts = new Map<number, number>();
        for (const key of keys) {
          sketch.add(keyHash(`k${key}`));
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
        const less = [...counts].filter(([key, count]) => sketch.count(keyHash(`k${key}`)) < Math.min(15, count));
        expect(less.length).to.be.at.most(1);
      }),
    );
  });

  it('counts nearly right when it is as full as it gets', () => {
    const keys = 10_000;
    const sketch = new FrequencySketch(keys);
    for (let at = 0; at < keys; at++) for (let time = 0; time <= at % 3; time++) sketch.add(keyHash(`k${at}`));
    let wrong = 0;
    for (let at = 0; at < keys; at++) if (sketch.count(keyHash(`k${at}`)) !== (at % 3) + 1) wrong += 1;
    expect(wrong / keys).to.be.below(0.2);
    let seen = 0;
    for (let at = 0; at < keys; at++) if (sketch.count(keyHash(`other${at}`)) > 0) seen += 1;
    expect(seen / keys).to.be.below(0.1);
  });

  it('forgets: after as many others as it remembers, a key counts half', () => {
    const keys = 1_000;
    const sketch = new FrequencySketch(keys);
    for (let time = 0; time < 15; time++) sketch.add(keyHash('popular'));
    expect(sketch.count(keyHash('popular'))).to.be.within(14, 15);
    for (let at = 0; at < keys * 12; at++) sketch.add(keyHash(`other${at % 100}`));
    expect(sketch.count(keyHash('popular'))).to.be.within(7, 8);
    for (let at = 0; at < keys * 48; at++) sketch.add(keyHash(`other${at % 100}`));
    expect(sketch.count(keyHash('popular'))).to.be.at.most(1);
  });
});
