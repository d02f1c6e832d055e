import { checkHistory } from '../history/check-history.ts';
import type { Violation } from '../history/history.ts';
import type { Client } from './client.ts';
import { converge } from './converge.ts';
import { Faults } from './faults.ts';
import { Fleet } from './fleet.ts';
import { type Follower, follow } from './follow.ts';
import { batchOnce, getOnce, listOnce } from './read-once.ts';
import { Recorder } from './recorder.ts';
import { writeOnce } from './write-once.ts';

export interface SimulationOptions {
  /** Calls that clients make while things break. */
  readonly steps?: number;
  /** Is given a line for everything that happens. */
  readonly trace?: (line: string) => void;
}

export interface SimulationResult {
  readonly violations: readonly Violation[];
  /** Calls that clients made, and responses of watches that they read. */
  readonly operations: number;
  readonly virtualMs: number;
  readonly counts: SimulationCounts;
}

export interface SimulationCounts {
  readonly acknowledged: number;
  readonly answered: number;
  readonly watchEvents: number;
  readonly faults: number;
  readonly epochs: number;
  readonly deaths: number;
}

const STEPS = 100;
const REPLICAS = 3;
const CLIENTS = 6;
const FOLLOWERS = 4;
/** Calls end by their deadlines, so it is far more than any run takes. */
const VIRTUAL_MS_MAX = 300_000;

/**
 * One random history from one seed, which decides everything: what clients ask, what breaks and when, how long each
 * message takes. Everything they saw is checked at the end against what really was.
 */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const fleet = new Fleet({ seed, replicas: REPLICAS, trace: options.trace });
  const { chance, world } = fleet;
  const recorder = new Recorder();
  const compacts = chance.of(0.4);
  const client = (id: number, name: string): Client => {
    const home = chance.pick(fleet.places);
    return { id, name, fleet, recorder, usesRequestIds: !compacts, seen: 0n, known: new Map(), home };
  };
  fleet.start();
  const faults = new Faults(fleet, compacts);
  faults.run().catch((error: unknown) => fleet.defect('', 'the simulation failed', stackOf(error)));
  const followers: Follower[] = [];
  for (let at = 0; at < FOLLOWERS; at++) followers.push(follow(client(CLIENTS + at, `f${at + 1}`)));
  const budget = { left: options.steps ?? STEPS, written: 0 };
  const clients = Array.from({ length: CLIENTS }, (_, at) => act(client(at, `c${at + 1}`), budget));
  try {
    await world.until(Promise.all(clients), VIRTUAL_MS_MAX);
    faults.end();
    await world.until(converge(fleet, followers, client(CLIENTS + FOLLOWERS, 'last')), VIRTUAL_MS_MAX);
  } catch (error) {
    fleet.defect('', 'the simulation failed', stackOf(error));
  }
  fleet.end();
  return judge(fleet, recorder, faults);
}

async function act(client: Client, budget: { left: number; written: number }): Promise<void> {
  const { chance } = client.fleet;
  while (budget.left > 0) {
    await client.fleet.sleep(chance.of(0.2) ? chance.between(0, 200) : chance.between(0, 20));
    budget.left -= 1;
    const kind = chance.random();
    if (kind < 0.35) await writeOnce(client, `w${++budget.written}`);
    else if (kind < 0.72) await getOnce(client);
    else if (kind < 0.87) await batchOnce(client);
    else await listOnce(client);
  }
}

function judge(fleet: Fleet, recorder: Recorder, faults: Faults): SimulationResult {
  const history = recorder.history(fleet);
  // A failover may lose what it loses, and a run may be so bad that little of it succeeds.
  const report = checkHistory(history, { mayLose: true, grainMs: CLOCKS_APART_MS, operationsPerSecondMin: 0 });
  const violations = [...fleet.defects, ...report.violations];
  for (const { promise, kind, message } of report.violations)
    fleet.trace.tell('!!', () => `${promise} ${kind}: ${message}`);
  const { operations } = history;
  const ok = operations.filter(({ outcome }) => outcome.status === 'ok');
  return {
    violations,
    operations: operations.length + history.watches.reduce((sum, { responses }) => sum + responses.length, 0),
    virtualMs: fleet.world.monotonicMs(),
    counts: {
      acknowledged: ok.filter(({ type }) => type === 'write').length,
      answered: ok.filter(({ type }) => type === 'read').length,
      watchEvents: report.counts.watchEvents,
      faults: faults.injected,
      epochs: history.truth.eras.length - 1,
      deaths: fleet.places.reduce((sum, { starts }) => sum + starts - 1, 0),
    },
  };
}

/** By what a replica's clock may be off over the longest call. */
const CLOCKS_APART_MS = 5;

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
