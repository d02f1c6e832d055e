import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import { Gate } from '../../src/core/gate.ts';
import { failureOf } from './cluster.ts';

describe('a gate', () => {
  it('never lets more run or wait than it may, and loses no turn, whoever leaves or fails', async () => {
    const visit = fc.record({
      workMs: fc.integer({ min: 1, max: 50 }),
      patienceMs: fc.integer({ min: 1, max: 120 }),
      fails: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(visit, { maxLength: 30 }), async (visits) => {
        const clock = new VirtualClock();
        const gate = new Gate({ limit: 'x', runningMax: 3, waitingMax: 10 }, clock);
        let running = 0;
        const all = visits.map(({ workMs, patienceMs, fails }) =>
          gate.pass(
            async () => {
              running += 1;
              expect(running).to.be.at.most(3);
              await new Promise<void>((resolve) => clock.setTimer(workMs, resolve));
              running -= 1;
              if (fails) throw new Error('failed');
            },
            { deadlineAtMs: clock.monotonicMs() + patienceMs },
          ),
        );
        await clock.until(Promise.allSettled(all));
        expect(running).to.equal(0);
        expect(await clock.until(gate.pass(async () => 'in', { deadlineAtMs: clock.monotonicMs() + 1 }))).to.equal(
          'in',
        );
      }),
      { numRuns: 50 },
    );
  });

  it('tells who comes on top to come again, and lets a caller leave', async () => {
    const clock = new VirtualClock();
    const gate = new Gate({ limit: 'x', runningMax: 1, waitingMax: 1 }, clock);
    const patience = { deadlineAtMs: clock.monotonicMs() + 1000 };
    const first = gate.pass(() => new Promise<void>((resolve) => clock.setTimer(100, resolve)), patience);
    const left = new AbortController();
    const second = failureOf(gate.pass(async () => {}, { ...patience, signal: left.signal }));
    expect(await failureOf(gate.pass(async () => {}, patience))).to.deep.include({
      reason: 'RATE_LIMITED',
      limit: 'x',
    });
    left.abort();
    expect((await second).reason).to.equal('CANCELLED');
    const third = gate.pass(async () => 'third', patience);
    await clock.until(first);
    expect(await third).to.equal('third');
  });
});
