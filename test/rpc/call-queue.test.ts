import { expect } from 'chai';
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import { CallQueue } from '../../src/rpc/call-queue.ts';

const LIMITS = { queueMsMax: 100, queuedCallsMax: 10_000 };

/** A process that is busy for `costMs` with each call, on virtual time; calls come evenly. */
async function serve({
  perSecond,
  costMs,
  lastsMs,
  allowedMs = 1000,
  pauses = [],
}: {
  readonly perSecond: (atMs: number) => number;
  readonly costMs: number;
  readonly lastsMs: number;
  readonly allowedMs?: number;
  /** When nothing runs and everything that comes waits in sockets. */
  readonly pauses?: readonly { readonly atMs: number; readonly lastsMs: number }[];
}) {
  let nowMs = 0;
  const clock = Object.assign(new VirtualClock(), { monotonicMs: () => nowMs });
  let turns: (() => void)[] = [];
  const queue = new CallQueue(clock, LIMITS, (run) => turns.push(run));
  const told: { readonly atMs: number; readonly outcome: 'good' | 'late' | 'refused' }[] = [];
  const pending = [...pauses];
  let comesAtMs = 0;
  const come = () => {
    const startedAtMs = nowMs;
    const dueAtMs = comesAtMs + allowedMs;
    const call = {
      startedAtMs,
      deadlineAtMs: startedAtMs + allowedMs,
      get hasLeft() {
        return nowMs > dueAtMs;
      },
    };
    const refuse = () => told.push({ atMs: nowMs, outcome: call.hasLeft ? 'late' : 'refused' });
    const run = () => {
      nowMs += costMs;
      told.push({ atMs: nowMs, outcome: nowMs <= dueAtMs ? 'good' : 'late' });
    };
    if (queue.isFull()) refuse();
    else queue.enter(call, run, refuse);
  };
  while (nowMs < lastsMs) {
    const [pause] = pending;
    if (pause !== undefined && nowMs >= pause.atMs) {
      pending.shift();
      nowMs += pause.lastsMs;
    }
    for (; comesAtMs <= nowMs; comesAtMs += 1000 / perSecond(comesAtMs)) come();
    const now = turns;
    turns = [];
    for (const turn of now) turn();
    // A turn awaits after each call.
    await new Promise((resolve) => setImmediate(resolve));
    if (now.length === 0) nowMs = Math.max(nowMs, comesAtMs);
  }
  return {
    count: (outcome: string, fromMs = 0, toMs = Number.POSITIVE_INFINITY) =>
      told.filter((one) => one.outcome === outcome && one.atMs >= fromMs && one.atMs < toMs).length,
  };
}

describe('the queue of calls', () => {
  it('refuses nothing of a load that can be answered', async () => {
    const { count } = await serve({ perSecond: () => 900, costMs: 1, lastsMs: 10_000 });
    expect(count('good')).to.be.at.least(8990);
    expect(count('refused')).to.equal(0);
  });

  it('refuses nothing after the process has paused, however many have come meanwhile', async () => {
    const pauses = [
      { atMs: 1000, lastsMs: 3000 },
      { atMs: 9000, lastsMs: 1500 },
      { atMs: 9100 + 1500, lastsMs: 200 },
    ];
    const { count } = await serve({ perSecond: () => 600, costMs: 1, lastsMs: 20_000, allowedMs: 10_000, pauses });
    expect(count('refused')).to.equal(0);
    expect(count('late')).to.equal(0);
  });

  it('answers nearly as many as it can, in time, when five times as many come', async () => {
    const { count } = await serve({ perSecond: () => 5000, costMs: 1, lastsMs: 10_000 });
    expect(count('good', 2000, 10_000)).to.be.at.least(7600);
    expect(count('late', 2000)).to.be.at.most(80);
    expect(count('refused', 2000)).to.be.at.least(30_000);
  });

  it('refuses nothing any more a second after the overload', async () => {
    const perSecond = (atMs: number) => (atMs < 5000 ? 5000 : 500);
    const { count } = await serve({ perSecond, costMs: 1, lastsMs: 10_000 });
    expect(count('refused', 0, 6000)).to.be.at.least(1000);
    expect(count('refused', 6000)).to.equal(0);
    expect(count('good', 6000, 10_000)).to.be.within(1980, 2020);
  });

  it('drops a call whose caller has left before it costs anything', async () => {
    let nowMs = 0;
    const clock = Object.assign(new VirtualClock(), { monotonicMs: () => nowMs });
    const turns: (() => void)[] = [];
    const queue = new CallQueue(clock, LIMITS, (run) => turns.push(run));
    const done: string[] = [];
    const enter = (name: string, hasLeft: boolean) =>
      queue.enter(
        { startedAtMs: nowMs, deadlineAtMs: nowMs + 1000, hasLeft },
        () => {
          nowMs += 20;
          done.push(name);
        },
        () => done.push(`not ${name}`),
      );
    enter('first', false);
    enter('left', true);
    enter('last', false);
    expect(done).to.deep.equal(['first']);
    turns.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).to.deep.equal(['first', 'not left', 'last']);
  });

  it('lets no more wait than it may', () => {
    const clock = Object.assign(new VirtualClock(), { monotonicMs: () => 0 });
    const queue = new CallQueue(clock, { ...LIMITS, queuedCallsMax: 0 }, () => {});
    expect(queue.isFull()).to.equal(true);
  });
});
