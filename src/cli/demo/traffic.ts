import { setTimeout as sleep } from 'node:timers/promises';
import { type Fleet, MAX_USERS, type Member } from './fleet.ts';
import type { Follower } from './follower.ts';

/** What happened since the last look. */
export interface Tally {
  reads: number;
  readsFailed: number;
  /** Answers that were not flagged, and yet older than 500 ms when the call began: C5 says none. */
  tooOld: number;
  writes: number;
  writesFailed: number;
  /** From each write's acknowledgement until the watch on two told it; 0 if the watch was first. */
  readonly seenMs: number[];
}

/** Reads through both replicas, writes through one, a watch on two, all the time. */
export interface Traffic {
  /** What happened since the last call. */
  tally(): Tally;
  /** Ends it. @returns writes acknowledged that the watch did not tell, and those it told twice or out of order */
  stop(): Promise<{ readonly lost: number; readonly disordered: number; readonly writes: number }>;
}

const READ_PAUSE_MS = 2;
const WRITE_PAUSE_MS = 40;
const STALENESS_MS = 500;

export function startTraffic({ one, two }: Fleet, follower: Follower): Traffic {
  let tally = newTally();
  let running = true;
  let lastTold = 0n;
  let disordered = 0;
  const told = new Map<bigint, number>();
  const acknowledged: { readonly revision: bigint; readonly atMs: number }[] = [];

  follower.onEvent = ({ revision }) => {
    if (revision <= lastTold) disordered += 1;
    lastTold = revision;
    told.set(revision, performance.now());
    const write = acknowledged.findLast((one) => one.revision === revision);
    if (write !== undefined) tally.seenMs.push(performance.now() - write.atMs);
  };

  const read = async ({ client }: Member) => {
    while (running) {
      const begunMs = performance.now();
      try {
        const { parameter, freshness } = await client.get(MAX_USERS);
        const due = acknowledged.findLast(({ atMs }) => atMs <= begunMs - STALENESS_MS)?.revision ?? 0n;
        tally.reads += 1;
        if ((parameter?.revision ?? 0n) < due && !freshness.degraded) tally.tooOld += 1;
      } catch {
        tally.readsFailed += 1;
      }
      await sleep(READ_PAUSE_MS);
    }
  };
  const write = async () => {
    for (let value = 5000n; running; value++) {
      try {
        const { revision } = await one.client.set(MAX_USERS, value);
        acknowledged.push({ revision, atMs: performance.now() });
        tally.writes += 1;
        if (told.has(revision)) tally.seenMs.push(0);
      } catch {
        tally.writesFailed += 1;
      }
      await sleep(WRITE_PAUSE_MS);
    }
  };
  const all = [read(one), read(two), write()];

  return {
    tally() {
      const before = tally;
      tally = newTally();
      return before;
    },
    async stop() {
      running = false;
      await Promise.all(all);
      const last = acknowledged.at(-1)?.revision ?? 0n;
      await follower.reached(last);
      follower.onEvent = () => {};
      const lost = acknowledged.filter(({ revision }) => !told.has(revision)).length;
      return { lost, disordered, writes: acknowledged.length };
    },
  };
}

function newTally(): Tally {
  return { reads: 0, readsFailed: 0, tooOld: 0, writes: 0, writesFailed: 0, seenMs: [] };
}
