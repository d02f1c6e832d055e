import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../e2e/eventually.ts';
import { setOf, text } from '../../e2e/rpc.ts';
import type { Fault } from '../fault.ts';
import { type LoadProcess, startLoad } from '../load-process.ts';
import type { OpenLoopTold, OpenLoopWord, OpenLoopWork } from '../open-loop.ts';
import { mustBeFelt } from './demands.ts';
import { judged } from './judged.ts';

const PREFIX = 'fault:load:';
/** Of a batch and of a listing: so much that the replica, and not the one that asks, is what cannot keep up. */
const KEYS = 900;
/** Of one commit. */
const OPERATIONS = 300;
const RATES = [100, 200, 300, 450, 600, 800, 1000, 1300, 1600, 2000];
const STEP_MS = 2000;
/** Overload is noticed after two seconds, and what has come until then is done after two more. */
const UNTIL_STEADY_MS = 5000;
/** From what is offered, when more would not get through. */
const KEPT_UP_SHARE = 0.9;
const OVERLOAD = 5;
const GOODPUT_MIN = 0.9;
/** Where the peak is measured in two seconds, and others use the machine. */
const GOODPUT_MIN_CI = 0.4;
/** Of clients that send all they have, whatever they are told: refusing takes the rest. */
const GOODPUT_MIN_SENT_ALL = 0.3;
const NORMAL_MS_MAX = 10_000;
const NORMAL_MS_MAX_CI = 20_000;

type Load = LoadProcess<OpenLoopTold>;

/** One replica; calls of all kinds with deadlines and retries arrive at five times the rate that it can answer. */
const overload = judged({
  name: '5 × overload with retries',
  group: 'load',
  also: `goodput ≥ ${GOODPUT_MIN * 100} % of the peak (CI: ${GOODPUT_MIN_CI * 100} %), of clients that hold nothing back ≥ ${GOODPUT_MIN_SENT_ALL * 100} %; normal ≤ ${NORMAL_MS_MAX / 1000} s after (CI: ${NORMAL_MS_MAX_CI / 1000} s)`,
  // What is asked for fits into memory, as it does where many ask for the same.
  site: { settings: { PARAMD_NEAR_CACHE_ENTRIES: '100000' } },
  async inject(site, scale, demand) {
    const replica = site.replicas[0]!;
    for (let from = 0; from < KEYS; from += OPERATIONS) {
      const operations = Array.from({ length: OPERATIONS }, (_, at) => setOf(`${PREFIX}${from + at}`, text('x')));
      await replica.direct.commit({ operations });
    }
    const port = Number(replica.direct.target.split(':')[1]);
    const work: OpenLoopWork = { port, prefix: PREFIX, keys: KEYS };
    const load = startLoad<OpenLoopTold>('open-loop.ts', work);
    const isApart = apart(replica.pid, load.pid);
    site.note('replica and load each have a core of their own', isApart ? 1 : 0, 'count');
    try {
      await load.until(() => true);
      const peak = await peakOf(load);
      site.note('peak', peak, 'count');
      const normal = peak / 2;
      const goodput = async (holdsBack: boolean): Promise<number> => {
        send(load, peak * OVERLOAD, holdsBack);
        await sleep(UNTIL_STEADY_MS);
        const under = await perSecond(load, scale.ms(20_000, 4000));
        mustBeFelt(under.offered > peak * (OVERLOAD - 1), `only ${under.offered.toFixed(0)}/s could be offered`);
        const of = holdsBack ? '' : ' of clients that hold nothing back';
        site.note(`offered${of}, to the peak`, under.offered / peak, 'ratio');
        site.note(`goodput${of}, to the peak`, under.good / peak, 'ratio');
        return under.good / peak;
      };
      const sentAll = await goodput(false);
      demand(
        scale.short || sentAll >= GOODPUT_MIN_SENT_ALL,
        `goodput ${sentAll.toFixed(2)} of the peak, where clients hold nothing back`,
      );
      const share = await goodput(true);
      const least = scale.short ? GOODPUT_MIN_CI : GOODPUT_MIN;
      demand(share >= least, `goodput ${share.toFixed(2)} of the peak under overload, less than ${least}`);
      const normalMsMax = scale.short ? NORMAL_MS_MAX_CI : NORMAL_MS_MAX;
      send(load, normal);
      const backMs = await eventually(async () => {
        const now = await perSecond(load, 500);
        return now.good >= normal * KEPT_UP_SHARE && now.p99Ms < STEP_MS / 4;
      }, 2 * normalMsMax).catch(() => Number.POSITIVE_INFINITY);
      site.note('normal again', backMs, 'ms');
      demand(backMs <= normalMsMax, `normal again after ${backMs.toFixed(0)} ms, more than ${normalMsMax}`);
    } finally {
      await load.stop();
    }
  },
});

function send(load: Load, perSecond: number, holdsBack = true): void {
  load.send({ perSecond, holdsBack } satisfies OpenLoopWord);
}

/** Rises until more does not get through, and lets what is left of it go. @returns operations per second */
async function peakOf(load: Load): Promise<number> {
  let peak = 0;
  for (const rate of RATES) {
    send(load, rate);
    const { good } = await perSecond(load, STEP_MS);
    peak = Math.max(peak, good);
    if (good < rate * KEPT_UP_SHARE) break;
  }
  send(load, peak / 5);
  await sleep(2 * STEP_MS);
  return peak;
}

/** So that the load does not take from the replica what it measures. @returns false: not on this machine */
function apart(...pids: readonly number[]): boolean {
  if (availableParallelism() < pids.length) return false;
  return pids.every((pid, core) => spawnSync('taskset', ['-acp', String(core), String(pid)]).status === 0);
}

async function perSecond(load: Load, lastMs: number) {
  const before = load.told!;
  const startedAtMs = performance.now();
  await sleep(lastMs);
  const after = load.told!;
  const seconds = (performance.now() - startedAtMs) / 1000;
  return {
    offered: (after.offered - before.offered) / seconds,
    good: (after.good - before.good) / seconds,
    p99Ms: after.p99Ms,
  };
}

export const loadFaults: readonly Fault[] = [overload];
