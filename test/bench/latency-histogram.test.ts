import { expect } from 'chai';
import fc from 'fast-check';
import { LatencyHistogram } from '../../src/bench/load/latency-histogram.ts';

const latencies = fc.array(fc.double({ min: 0, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 200 });
const shares = fc.double({ min: 0.001, max: 1, noNaN: true });

function of(all: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const ms of all) histogram.record(ms);
  return histogram;
}

describe('a histogram of latencies', () => {
  it('tells any quantile within 1 % or a ten-thousandth of a millisecond', () => {
    fc.assert(
      fc.property(latencies, shares, (all, share) => {
        const sorted = all.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(share * sorted.length) - 1]!;
        expect(of(all).quantileMs(share)).to.be.within(exact - 0.0001, exact * 1.01 + 0.0001);
      }),
    );
  });

  it('of parts, put together, is that of the whole, also by way of JSON', () => {
    fc.assert(
      fc.property(latencies, latencies, (some, others) => {
        const packed = [some, others].map((part) => JSON.parse(JSON.stringify(of(part).packed())));
        const sum = LatencyHistogram.of(...packed);
        expect(sum.packed()).to.deep.equal(of([...some, ...others]).packed());
        expect(sum.count).to.equal(some.length + others.length);
      }),
    );
  });

  it('has no quantile of nothing', () => {
    expect(new LatencyHistogram().quantileMs(0.5)).to.be.NaN;
  });
});
