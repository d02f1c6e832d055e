import type { Answer } from './dialect.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { Load } from './load.ts';
import type { Round, Run } from './load-order.ts';

/** What fails so often will not get better. */
const FAILURES_MAX = 100;
/** Beyond this an open loop waits for nothing any more but memory. */
const IN_FLIGHT_MAX = 50_000;

/** @param firstIndex of the first call */
export async function runLoop(load: Load, run: Run, firstIndex: number): Promise<Round> {
  const tally = openTally();
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  await LOOPS[run.kind](load, run as never, firstIndex, tally);
  const tookMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { ...tally.result(), tookMs, cpuShare: run.kind === 'open' ? undefined : (user + system) / 1000 / tookMs };
}

const LOOPS = { closed: closedLoop, open: openLoop, burst };

type Tally = ReturnType<typeof openTally>;
type RunOf<K extends Run['kind']> = Run & { readonly kind: K };

async function closedLoop(load: Load, { inFlight, seconds }: RunOf<'closed'>, firstIndex: number, tally: Tally) {
  const startedMs = performance.now();
  const endsMs = startedMs + seconds * 1000;
  let next = firstIndex;
  const caller = async () => {
    for (let beganMs = startedMs; beganMs < endsMs && !tally.isHopeless(); ) {
      try {
        const answer = await load.call(next++);
        const nowMs = performance.now();
        tally.answered(nowMs - beganMs, answer);
        beganMs = nowMs;
      } catch (error) {
        tally.failed(error);
        beganMs = performance.now();
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}

/** Watches the clock without a pause: a timer would add its millisecond to every latency. */
async function openLoop(load: Load, { perSecond, seconds }: RunOf<'open'>, firstIndex: number, tally: Tally) {
  const startedMs = performance.now();
  const count = Math.floor(perSecond * seconds);
  const calls = new Set<Promise<void>>();
  for (let begun = 0; begun < count && !tally.isHopeless(); ) {
    const due = Math.min(count, Math.floor(((performance.now() - startedMs) / 1000) * perSecond) + 1);
    for (; begun < due; begun++) {
      const intendedMs = startedMs + (begun / perSecond) * 1000;
      const call = load
        .call(firstIndex + begun)
        .then((answer) => tally.answered(performance.now() - intendedMs, answer), tally.failed)
        .finally(() => calls.delete(call));
      calls.add(call);
    }
    if (calls.size > IN_FLIGHT_MAX) throw new Error(`${perSecond} calls per second are more than are answered`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(calls);
}

async function burst(load: Load, { calls }: RunOf<'burst'>, firstIndex: number, tally: Tally) {
  const startedMs = performance.now();
  const one = (_: unknown, i: number) =>
    load.call(firstIndex + i).then((answer) => tally.answered(performance.now() - startedMs, answer), tally.failed);
  await Promise.all(Array.from({ length: calls }, one));
}

function openTally() {
  const latencies = new LatencyHistogram();
  const tiers: Record<string, number> = {};
  const failures: Record<string, number> = {};
  let failed = 0;
  let operations = 0;
  return {
    answered(ms: number, answer: Answer): void {
      latencies.record(ms);
      operations += answer.operations;
      if (answer.tier !== undefined) tiers[answer.tier] = (tiers[answer.tier] ?? 0) + 1;
    },
    failed(error: unknown): void {
      const { message } = error as Error;
      failures[message] = (failures[message] ?? 0) + 1;
      failed++;
    },
    isHopeless: () => failed >= FAILURES_MAX,
    result: () => ({ calls: latencies.count, operations, latencies: latencies.packed(), tiers, failures }),
  };
}
