import { expect } from 'chai';
import { phasesOf } from './measure.ts';
import type { MeasuredCall } from './recorder.ts';

const MOMENTS = { startMs: 0, injectMs: 100, healedMs: 200, endMs: 300 };

function call(callMs: number, returnMs: number, failure?: string): MeasuredCall {
  return { type: 'read', replica: 'a', callMs, returnMs, failure, degraded: false };
}

describe('the phases of a run', () => {
  it('have each call once; what the fault saw of belongs to it', () => {
    const calls = [call(-5, 5), call(10, 20), call(90, 110), call(150, 160), call(199, 290), call(200, 210)];
    const { baseline, fault, healed } = phasesOf(calls, MOMENTS);
    expect([baseline.reads.count, fault.reads.count, healed.reads.count]).to.deep.equal([1, 3, 1]);
  });

  it('count failures by what they were, and leave them out of the latencies', () => {
    const calls = [call(110, 120), call(110, 140), call(110, 190, 'UNAVAILABLE STORE_UNREACHABLE')];
    const { reads, writes } = phasesOf(calls, MOMENTS).fault;
    expect(reads).to.deep.include({ count: 3, succeeded: 2, p50Ms: 30, p99Ms: 30 });
    expect(reads.failures).to.deep.equal({ 'UNAVAILABLE STORE_UNREACHABLE': 1 });
    expect(writes.count).to.equal(0);
  });
});
