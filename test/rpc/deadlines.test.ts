import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import { Deadlines, type Due } from '../../src/rpc/deadlines.ts';

describe('deadlines of callers', () => {
  const calls = fc.array(fc.record({ inMs: fc.double({ min: 0, max: 300, noNaN: true }), leaves: fc.boolean() }));

  it('pass for every call that is still there, not too soon, and at most 5 ms late', async () => {
    await fc.assert(
      fc.asyncProperty(calls, async (given) => {
        const clock = new VirtualClock();
        const deadlines = new Deadlines(clock);
        const passed = new Map<Due, number>();
        const made = given.map(({ inMs, leaves }) => {
          const deadlineAtMs = clock.monotonicMs() + inMs;
          const call: Due = { deadlineAtMs, expire: () => passed.set(call, clock.monotonicMs()) };
          deadlines.add(call);
          return { call, leaves };
        });
        for (const { call, leaves } of made) if (leaves) deadlines.remove(call);
        await clock.advance(400);
        for (const { call, leaves } of made) {
          expect(passed.has(call)).to.equal(!leaves);
          if (!leaves) expect(passed.get(call)! - call.deadlineAtMs).to.be.within(-0.001, 5.001);
        }
      }),
    );
  });
});
