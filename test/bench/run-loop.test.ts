import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { checkRound } from '../../src/bench/compare/load-series.ts';
import { LatencyHistogram } from '../../src/bench/load/latency-histogram.ts';
import { type Load, ONE } from '../../src/bench/load/load.ts';
import { runLoop } from '../../src/bench/load/run-loop.ts';

function loadOf(call: Load['call']): Load {
  return { call, close: () => {} };
}

describe('a loop of the load', () => {
  it('has so many calls in flight, numbered from where the last run ended', async () => {
    const seen: number[] = [];
    let [inFlight, most] = [0, 0];
    const load = loadOf(async (index) => {
      seen.push(index);
      most = Math.max(most, ++inFlight);
      await turn();
      inFlight--;
      return { operations: 3, tier: 'store' };
    });
    const round = await runLoop(load, { kind: 'closed', inFlight: 7, seconds: 0.02 }, 100);
    expect(most).to.equal(7);
    expect(seen).to.deep.equal(Array.from({ length: round.calls }, (_, i) => 100 + i));
    expect(round.operations).to.equal(3 * round.calls);
    expect(round.tiers).to.deep.equal({ store: round.calls });
  });

  it('counts latencies of an open loop from when the call should have begun', async () => {
    let stalled = false;
    const load = loadOf(async () => {
      if (!stalled) {
        stalled = true;
        const until = performance.now() + 50;
        while (performance.now() < until);
      }
      return ONE;
    });
    const { calls, latencies } = await runLoop(load, { kind: 'open', perSecond: 1000, seconds: 0.1 }, 0);
    expect(calls).to.equal(100);
    // Half of the calls were due while nothing went on, and waited half of it in the middle.
    expect(LatencyHistogram.of(latencies).quantileMs(0.75)).to.be.greaterThan(20);
  });

  it('makes all calls of a burst at once', async () => {
    let begun = 0;
    const all = Promise.withResolvers<void>();
    const load = loadOf(async () => {
      if (++begun === 50) all.resolve();
      await all.promise;
      return ONE;
    });
    expect(await runLoop(load, { kind: 'burst', calls: 50 }, 0)).to.include({ calls: 50, operations: 50 });
  });

  it('counts calls that fail by their message, and gives up what does not get better', async () => {
    const load = loadOf(async () => {
      await sleep(0);
      throw new Error('no');
    });
    const { calls, failures } = await runLoop(load, { kind: 'closed', inFlight: 4, seconds: 3600 }, 0);
    expect(calls).to.equal(0);
    expect(failures.no).to.be.within(100, 104);
  });
});

describe('a round', () => {
  const round = {
    calls: 100,
    operations: 100,
    tookMs: 1,
    latencies: [],
    tiers: { store: 96, 'near cache': 4 },
    failures: {},
  };

  it('counts if all went well', () => {
    expect(() => checkRound('it', round, 'store')).to.not.throw();
    expect(() => checkRound('it', round, undefined)).to.not.throw();
  });

  for (const [name, wrong, tier, words] of [
    ['a call failed', { ...round, failures: { 'wrong answer': 1 } }, undefined, 'it: 1 × wrong answer'],
    ['no call was answered', { ...round, calls: 0 }, undefined, 'it: no call was answered'],
    ['another tier answered', round, 'near cache', 'it: 4.0 % of the answers came from the near cache'],
  ] as const) {
    it(`does not count if ${name}`, () => {
      expect(() => checkRound('it', wrong, tier)).to.throw(words);
    });
  }
});
