import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { query } from '../e2e/watch-checker.ts';
import { checkHistory } from '../history/check-history.ts';
import type { History, Report } from '../history/history.ts';
import { converge } from './converge.ts';
import { type Fault, NotPossibleHere, type Scale } from './fault.ts';
import { type Handles, handlesBack, handlesOf } from './handles.ts';
import { phasesOf } from './measure.ts';
import type { Metrics } from './metrics.ts';
import { Recorder } from './recorder.ts';
import type { Servers } from './results.ts';
import type { Site, SiteReplica } from './site.ts';
import { askValkey } from './site-valkey.ts';
import { type QuietSite, startSite } from './start-site.ts';
import { startTraffic, type Traffic } from './traffic.ts';
import { followTruth, type TruthReader } from './truth.ts';

const OPERATIONS_PER_S_MIN = 300;
const CONVERGED_MS_MAX = 5000;
/** Waiting that much longer still tells whether it comes back at all. */
const CONVERGENCE_WATCHED_FACTOR = 4;
/** A fault that has not come to its end by then is given up. */
const FAULT_MS_MAX = { short: 100_000, full: 30 * 60_000 };
const AT_HEAD_MS_MAX = 5000;
const HANDLES_BACK_MS_MAX = 5000;
/** The rest says nothing new; the history has it all. */
const VIOLATIONS_TOLD_MAX = 10;
/** In which everything is called for the first time, and compiled. */
const WARM_MS = 1000;

export interface Note {
  readonly name: string;
  readonly value: number;
  readonly unit: 'ms' | 'count' | 'ratio' | 'bytes';
}

export interface FaultResult {
  readonly name: string;
  readonly group: string;
  readonly outcome: 'held' | 'failed' | 'not run';
  /** What did not hold; why it was not run. */
  readonly problems: readonly string[];
  readonly seed: number;
  readonly durationMs: number;
  readonly counts: Report['counts'];
  readonly violations: number;
  /** Undefined: the fault did not come so far. */
  readonly metrics: Metrics | undefined;
  /** Calls that found no room: so many were in flight. */
  readonly turnedAway: number;
  /** For so long this process, which has the traffic and the proxies, did nothing at a stretch: below it no latency tells much. */
  readonly pauseMsMax: number;
  readonly convergence: { readonly msMax: number; readonly reason?: string };
  readonly notes: readonly Note[];
}

/** For looking into a failure. */
export interface Evidence {
  readonly history: History | undefined;
  readonly trace: readonly string[];
  readonly logs: ReadonlyMap<string, SiteReplica['log']>;
}

export interface RunOptions {
  readonly scale: Scale;
  /** Decides what the traffic asks for. Real processes it cannot decide. */
  readonly seed: number;
  tell(line: string): void;
}

/** One fault on a site of its own: baseline, fault, heal, and on until it is as before; then everything is judged. */
export async function runFault(
  fault: Fault,
  { scale, seed, tell }: RunOptions,
): Promise<{ readonly result: FaultResult; readonly servers: Servers | undefined; readonly evidence: Evidence }> {
  const startedMs = performance.now();
  const trace: string[] = [];
  const notes: Note[] = [];
  const listener = {
    tell: (line: string) => {
      trace.push(`${performance.now().toFixed(0)} ${line}`);
      tell(line);
    },
    note: (name: string, value: number, unit: Note['unit']) => void notes.push({ name, value, unit }),
  };
  const run = new Run(fault, scale, new Recorder());
  let quiet: QuietSite | undefined;
  let servers: Servers | undefined;
  try {
    quiet = await startSite(fault.site ?? {}, listener);
    servers = await serversOf(quiet);
    await run.on(quiet, seed);
  } catch (error) {
    if (error instanceof NotPossibleHere) run.notPossible = error.message;
    else run.problems.push(`the run broke off: ${describe(error)}`);
  }
  const logs = new Map(quiet?.replicas.map(({ name, log }) => [name, log]));
  await run.end().catch((error) => run.problems.push(`the traffic did not end: ${describe(error)}`));
  await quiet?.close().catch((error) => run.problems.push(`the site did not end: ${describe(error)}`));
  const result: FaultResult = {
    name: fault.name,
    group: fault.group,
    outcome: run.notPossible !== undefined ? 'not run' : run.problems.length === 0 ? 'held' : 'failed',
    problems: run.notPossible !== undefined ? [run.notPossible] : run.problems,
    seed,
    durationMs: performance.now() - startedMs,
    counts: run.counts,
    violations: run.violations,
    metrics: run.metrics,
    turnedAway: run.traffic?.turnedAway ?? 0,
    pauseMsMax: run.pauseMsMax,
    convergence: fault.convergence ?? { msMax: CONVERGED_MS_MAX },
    notes,
  };
  return { result, servers, evidence: { history: run.history, trace, logs } };
}

class Run {
  readonly problems: string[] = [];
  notPossible: string | undefined;
  counts: Report['counts'] = { writes: 0, reads: 0, watches: 0, watchEvents: 0, duringFaults: 0 };
  violations = 0;
  metrics: Metrics | undefined;
  history: History | undefined;
  traffic: Traffic | undefined;
  readonly #fault: Fault;
  readonly #scale: Scale;
  readonly #recorder: Recorder;
  readonly #pauses = monitorEventLoopDelay({ resolution: 5 });
  #truth: TruthReader | undefined;

  constructor(fault: Fault, scale: Scale, recorder: Recorder) {
    this.#fault = fault;
    this.#scale = scale;
    this.#recorder = recorder;
  }

  async on(quiet: QuietSite, seed: number): Promise<void> {
    const scale = this.#scale;
    const fault = this.#fault;
    const recorder = this.#recorder;
    const { replicas } = quiet;
    const traffic = startTraffic(recorder, replicas, seed);
    this.traffic = traffic;
    this.#truth = followTruth(quiet.postgres);
    const site: Site = { ...quiet, traffic };

    let handles: ReadonlyMap<string, Handles> | undefined;
    if (fault.site?.startReplicas !== false) await sleep(WARM_MS);
    const startMs = recorder.nowMs();
    this.#pauses.enable();
    if (fault.site?.startReplicas !== false) {
      await sleep(scale.ms(10_000, 1500));
      handles = handlesOf(replicas);
    }

    const injectMs = recorder.nowMs();
    await this.#break(site);
    traffic.resumeWrites();
    const healedMs = recorder.nowMs();
    recorder.faults.push({ name: fault.name, startMs: injectMs, healMs: healedMs });
    site.tell(`healed after ${((healedMs - injectMs) / 1000).toFixed(1)} s`);

    const { msMax } = fault.convergence ?? { msMax: CONVERGED_MS_MAX };
    const converged = await converge(site, traffic, msMax * CONVERGENCE_WATCHED_FACTOR);
    this.problems.push(...converged.missing);
    if (converged.ms > msMax) {
      this.problems.push(`converged ${converged.ms.toFixed(0)} ms after healing, more than ${msMax}`);
    }
    await sleep(Math.max(0, healedMs + scale.ms(20_000, 2000) - recorder.nowMs()));
    if (handles !== undefined) this.problems.push(...(await handlesBack(handles, replicas, HANDLES_BACK_MS_MAX)));
    const endMs = recorder.nowMs();
    this.#pauses.disable();

    await traffic.stopCalls();
    const moments = { startMs, injectMs, healedMs, endMs };
    this.metrics = { ...phasesOf(recorder.calls, moments), convergedMs: converged.ms };
    await this.#judge(traffic);
    const { metrics } = this;
    this.problems.push(...((await fault.demand?.({ site, scale, metrics, note: site.note })) ?? []));
    this.problems.push(...defects(replicas, metrics));
  }

  async #break(site: Site): Promise<void> {
    const fault = this.#fault;
    const msMax = this.#scale.short ? FAULT_MS_MAX.short : FAULT_MS_MAX.full;
    const late = new AbortController();
    try {
      const tooLong = sleep(msMax, undefined, { signal: late.signal }).then(() => {
        throw new Error(`it did not come to its end in ${msMax} ms`);
      });
      await Promise.race([fault.inject(site, this.#scale), tooLong]);
    } catch (error) {
      if (error instanceof NotPossibleHere) throw error;
      this.problems.push(`the fault itself: ${describe(error)}`);
    } finally {
      late.abort();
    }
    await fault.heal?.(site);
  }

  async #judge(traffic: Traffic): Promise<void> {
    const truth = this.#truth!;
    await traffic.stopWatches(await truth.head(), AT_HEAD_MS_MAX);
    this.history = this.#recorder.history(await truth.finish());
    const report = checkHistory(this.history, {
      mayLose: this.#fault.mayLose ?? false,
      operationsPerSecondMin: this.#fault.site?.startReplicas === false ? 1 : OPERATIONS_PER_S_MIN,
    });
    this.counts = report.counts;
    this.violations = Object.values(report.found).reduce((sum, found) => sum + found, 0);
    const told = report.violations.slice(0, VIOLATIONS_TOLD_MAX);
    this.problems.push(...told.map(({ promise, kind, message }) => `${promise} ${kind}: ${message}`));
    if (told.length < this.violations) this.problems.push(`in all: ${JSON.stringify(report.found)}`);
  }

  get pauseMsMax(): number {
    return this.#pauses.max / 1e6;
  }

  /** Whatever became of it. */
  async end(): Promise<void> {
    await this.traffic?.stopCalls();
    await this.traffic?.stopWatches(0n, 0);
    await this.#truth?.stop();
  }
}

async function serversOf({ postgres, valkey }: QuietSite): Promise<Servers> {
  const [row] = await query<{ server_version: string }>(postgres.url, 'SHOW server_version');
  const told = await askValkey(valkey.server.url, (client) => client.info('server'));
  return { postgres: row!.server_version, valkey: /valkey_version:(\S+)/.exec(told)?.[1] ?? 'unknown' };
}

/** What must never be, whatever the fault. */
function defects(replicas: readonly SiteReplica[], { baseline, fault, healed }: Metrics): string[] {
  const problems = replicas.flatMap(({ unexpectedExits }) => unexpectedExits);
  for (const { name, log } of replicas) {
    const errors = log.filter(({ level }) => level === 'error' || level === 'fatal');
    problems.push(...errors.slice(0, 3).map((line) => `${name} logged an error: ${JSON.stringify(line)}`));
  }
  for (const phase of [baseline, fault, healed]) {
    for (const failure of [...Object.keys(phase.reads.failures), ...Object.keys(phase.writes.failures)]) {
      if (failure.includes('UNFORESEEN')) problems.push(`calls failed with ${failure}`);
    }
  }
  for (const { count, succeeded, failures } of [baseline.reads, baseline.writes]) {
    if (succeeded < count) problems.push(`calls failed before the fault: ${JSON.stringify(failures)}`);
  }
  return problems;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
