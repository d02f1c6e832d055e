/**
 * Calls arrive at a constant rate, whatever becomes of them: clients that wait for a frozen replica must not lower the
 * pressure on it. What is in flight is bounded; an arrival that finds no room is counted and not made up for.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../support/seeded-random.ts';
import { read, type Writing, write } from './calls.ts';
import { Choices } from './choices.ts';
import type { Recorder } from './recorder.ts';
import type { RecordedClient, SiteReplica, SiteTraffic } from './site.ts';
import { startWatcher, type Watched, type Watcher } from './watchers.ts';

const ARRIVALS_PER_S = 390;
const TICK_MS = 5;
/** More than that at once is no constant rate but a burst of ours, after a pause of this process. */
const ARRIVALS_PER_TICK_MAX = 60;
const IN_FLIGHT_PER_REPLICA_MAX = 600;
/** Of the writes: at once, on the same replica, which must reflect them (C1). */
const READ_BACK_SHARE = 0.5;
const RETRIES_MAX = 12;
const RETRY_MS = { least: 20, most: 500 };
/** Watchers have the numbers below, clients of faults those above the callers. */
const FIRST_CALLER = 1000;

/** One that does one call at a time, and carries what it has seen from replica to replica. */
export interface Caller {
  readonly client: number;
  seen: bigint;
}

export interface Traffic extends SiteTraffic {
  readonly watchers: readonly Watcher[];
  /** Arrivals that found no room. */
  readonly turnedAway: number;
  /** Resolves when nothing is in flight any more; the watches stay open. */
  stopCalls(): Promise<void>;
  /** @param head up to which the watches must come; those that are still open by then are marked as settled */
  stopWatches(head: bigint, withinMs: number): Promise<void>;
}

export function startTraffic(recorder: Recorder, replicas: readonly SiteReplica[], seed: number): Traffic {
  const random = seededRandom(seed);
  const choices = new Choices(random);
  const inFlight = new Map<SiteReplica, number>(replicas.map((replica) => [replica, 0]));
  const idle: Caller[] = Array.from({ length: IN_FLIGHT_PER_REPLICA_MAX * replicas.length }, (_, at) => ({
    client: FIRST_CALLER + at,
    seen: 0n,
  }));
  const running = new Set<Promise<void>>();
  const writes = new WriteGate();
  let stopped = false;
  let nextClient = FIRST_CALLER + idle.length;
  let turnedAway = 0;
  let arrivals = 0;
  let failure: unknown;

  function arrive(): void {
    const replica = replicas[arrivals++ % replicas.length]!;
    const caller = inFlight.get(replica)! < IN_FLIGHT_PER_REPLICA_MAX ? takeAny(idle, random) : undefined;
    if (caller === undefined) {
      turnedAway++;
      return;
    }
    const writing = random() < choices.writeShare && !writes.closed;
    const call = writing ? writeAt(caller, replica) : readAt(caller, replica);
    const done = call
      .catch((error) => {
        failure ??= error;
      })
      .finally(() => {
        running.delete(done);
        idle.push(caller);
      });
    running.add(done);
  }

  async function at<T>(replica: SiteReplica, call: () => Promise<T>): Promise<T> {
    inFlight.set(replica, inFlight.get(replica)! + 1);
    try {
      return await call();
    } finally {
      inFlight.set(replica, inFlight.get(replica)! - 1);
    }
  }

  async function readAt(caller: Caller, replica: SiteReplica, reading = choices.reading(caller.seen)): Promise<void> {
    const outcome = await at(replica, () => read(recorder, caller.client, replica, reading));
    if (outcome.status === 'ok') {
      choices.learn(reading.keys, outcome.found);
      if (outcome.revision > caller.seen) caller.seen = outcome.revision;
    } else if (outcome.reason === 'REVISION_LOST') {
      caller.seen = 0n;
    }
  }

  async function writeAt(caller: Caller, first: SiteReplica): Promise<void> {
    const writing: Writing = choices.writing(caller.client);
    let replica = first;
    for (let attempt = 0; ; attempt++) {
      const { outcome, retryAfterMs } = await at(replica, () =>
        writes.pass(() => write(recorder, caller.client, replica, writing)),
      );
      if (outcome.status === 'ok') {
        choices.wrote(writing.operations, outcome.revision);
        if (outcome.revision > caller.seen) caller.seen = outcome.revision;
        if (random() < READ_BACK_SHARE) await readAt(caller, replica, choices.readingBack(writing));
        return;
      }
      const again = retryAfterMs !== undefined && writing.requestId !== '' && attempt < RETRIES_MAX && !stopped;
      if (!again) return;
      await sleep(Math.max(retryAfterMs, Math.min(RETRY_MS.most, RETRY_MS.least * 2 ** attempt)) * (1 + random()));
      replica = replicas[Math.floor(random() * replicas.length)]!;
    }
  }

  function client(replica: Pick<SiteReplica, 'name' | 'rpc'>): RecordedClient {
    const number = nextClient++;
    let count = 0;
    const writeOne = async (writing: Writing, msMax?: number) =>
      (await write(recorder, number, replica, writing, msMax)).outcome;
    return {
      write: writeOne,
      set: (key, value = `${number}:${count++}`, msMax) =>
        writeOne({ operations: [{ type: 'set', key, value }], conditions: [], requestId: '' }, msMax),
      get: (key, demands, msMax) =>
        read(recorder, number, replica, { method: 'get', keys: [key], linearizable: false, ...demands }, msMax),
    };
  }

  const startedMs = recorder.nowMs();
  let due = 0;
  const ticking = setInterval(() => {
    const now = Math.floor(((recorder.nowMs() - startedMs) * ARRIVALS_PER_S) / 1000);
    for (let count = Math.min(now - due, ARRIVALS_PER_TICK_MAX); count > 0; count--) arrive();
    due = now;
  }, TICK_MS);

  const watchers = replicas.flatMap((_, home) =>
    choices
      .watched(home)
      .map((watched: Watched, at) => startWatcher(recorder, 1 + home * 10 + at, replicas, home, watched)),
  );

  return {
    watchers,
    client,
    setsApart: (key, value) => recorder.setsApart(key, value),
    newestAcknowledged: (below) => recorder.newestAcknowledged(below),
    pauseWrites: () => writes.close(),
    resumeWrites: () => writes.open(),
    get turnedAway() {
      return turnedAway;
    },
    stopCalls: async () => {
      stopped = true;
      clearInterval(ticking);
      writes.open();
      while (running.size > 0) await Promise.all(running);
      if (failure !== undefined) throw failure;
    },
    stopWatches: async (head, withinMs) => {
      const startedAtMs = recorder.nowMs();
      while (watchers.some(({ revision }) => revision < head) && recorder.nowMs() - startedAtMs < withinMs) {
        await sleep(10);
      }
      await Promise.all(watchers.map((watcher) => watcher.stop(true)));
    },
  };
}

function takeAny(callers: Caller[], random: () => number): Caller | undefined {
  const at = Math.floor(random() * callers.length);
  const taken = callers[at];
  const last = callers.pop();
  if (at < callers.length) callers[at] = last!;
  return taken;
}

/** Closed, it lets no write begin; retries wait before it. */
class WriteGate {
  closed = false;
  #opened = Promise.withResolvers<void>();
  readonly #passing = new Set<Promise<unknown>>();

  async pass<T>(write: () => Promise<T>): Promise<T> {
    while (this.closed) await this.#opened.promise;
    const passing = write();
    const passed = passing.finally(() => this.#passing.delete(passed));
    this.#passing.add(passed);
    return passed;
  }

  async close(): Promise<void> {
    if (!this.closed) this.#opened = Promise.withResolvers();
    this.closed = true;
    await Promise.allSettled(this.#passing);
  }

  open(): void {
    this.closed = false;
    this.#opened.resolve();
  }
}
