import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { query } from '../e2e/watch-checker.ts';
import { checkHistory } from '../history/check-history.ts';
import type { History, Report } from '../history/history.ts';
import { converge } from './converge.ts';
import { type Fault, NotPossibleHere, type Scale } from './fault.ts';
import type { Evidence, FaultResult, Note } from './fault-result.ts';
import { handlesBack, handlesOf } from './handles.ts';
import { defectsOf, violationsOf } from './judge.ts';
import { phasesOf } from './measure.ts';
import type { Metrics } from './metrics.ts';
import { Recorder } from './recorder.ts';
import type { Servers } from './results.ts';
import type { Site } from './site.ts';
import { askValkey } from './site-valkey.ts';
import { type QuietSite, type SiteListener, startSite } from './start-site.ts';
import { startTraffic, type Traffic } from './traffic.ts';
import { followTruth, type TruthReader } from './truth.ts';

// Looser in CI, whose machines are slow and do other work meanwhile: what must hold there is the contract.
const OPERATIONS_PER_S_MIN = { full: 300, short: 150 };
const CONVERGED_MS_MAX = { full: 5000, short: 10_000 };
/** Waiting that much longer still tells whether it comes back at all. */
const CONVERGENCE_WATCHED_FACTOR = 4;
/** A fault that has not come to its end by then is given up. */
const FAULT_MS_MAX = { short: 100_000, full: 30 * 60_000 };
const AT_HEAD_MS_MAX = 5000;
const HANDLES_BACK_MS_MAX = 5000;
/** In which everything is called for the first time, and compiled. */
const WARM_MS = 1000;
const BASELINE_MS = { full: 10_000, least: 1500 };
const HEALED_MS = { full: 20_000, least: 2000 };

export interface RunOptions {
  readonly scale: Scale;
  /** Decides what the traffic asks for. Real processes it cannot decide. */
  readonly seed: number;
  tell(line: string): void;
}

export interface FinishedRun {
  readonly result: FaultResult;
  readonly evidence: Evidence;
  /** Versions; undefined: they were not started. */
  readonly servers: Servers | undefined;
}

/** One fault on a site of its own: baseline, fault, heal, and on until it is as before; then everything is judged. */
export async function runFault(fault: Fault, { scale, seed, tell }: RunOptions): Promise<FinishedRun> {
  const startedMs = performance.now();
  const trace: string[] = [];
  const notes: Note[] = [];
  const listener: SiteListener = {
    tell: (line) => {
      trace.push(`${performance.now().toFixed(0)} ${line}`);
      tell(line);
    },
    note: (name, value, unit) => void notes.push({ name, value, unit }),
  };
  const run = new Run(fault, scale);
  const { problems } = run;
  let quiet: QuietSite | undefined;
  let servers: Servers | undefined;
  let notPossible: string | undefined;
  try {
    quiet = await startSite(fault.site ?? {}, listener);
    servers = await serversOf(quiet);
    await run.on(quiet, seed);
  } catch (error) {
    if (error instanceof NotPossibleHere) notPossible = error.message;
    else problems.push(`the run broke off: ${told(error)}`);
  }
  const logs = new Map(quiet?.replicas.map(({ name, log }) => [name, log]));
  await run.end().catch((error) => problems.push(`the traffic did not end: ${told(error)}`));
  await quiet?.close().catch((error) => problems.push(`the site did not end: ${told(error)}`));
  const result: FaultResult = {
    name: fault.name,
    group: fault.group,
    also: fault.also ?? '',
    outcome: notPossible !== undefined ? 'not run' : problems.length === 0 ? 'held' : 'failed',
    problems: notPossible !== undefined ? [notPossible] : problems,
    seed,
    durationMs: performance.now() - startedMs,
    ...run.measured(),
    convergence: convergenceOf(fault, scale),
    notes,
  };
  return { result, evidence: { history: run.history, trace, logs }, servers };
}

function convergenceOf(
  { convergence }: Fault,
  { short }: Scale,
): NonNullable<Fault['convergence']> | { msMax: number } {
  return convergence ?? { msMax: CONVERGED_MS_MAX[short ? 'short' : 'full'] };
}

class Run {
  readonly problems: string[] = [];
  history: History | undefined;
  readonly #fault: Fault;
  readonly #scale: Scale;
  readonly #recorder = new Recorder();
  readonly #pauses = monitorEventLoopDelay({ resolution: 5 });
  #traffic: Traffic | undefined;
  #truth: TruthReader | undefined;
  #metrics: Metrics | undefined;
  #report: Report | undefined;

  constructor(fault: Fault, scale: Scale) {
    this.#fault = fault;
    this.#scale = scale;
  }

  async on(quiet: QuietSite, seed: number): Promise<void> {
    const { replicas } = quiet;
    const traffic = startTraffic(this.#recorder, replicas, seed);
    const truth = followTruth(quiet.postgres);
    this.#traffic = traffic;
    this.#truth = truth;
    const site: Site = { ...quiet, traffic };

    const startMs = await this.#beQuiet();
    const handles = handlesOf(replicas);
    const injectMs = site.nowMs();
    await this.#break(site);
    const healedMs = site.nowMs();
    site.tell(`healed after ${((healedMs - injectMs) / 1000).toFixed(1)} s`);
    const convergedMs = await this.#heal(site, traffic, healedMs);
    this.problems.push(...(await handlesBack(handles, replicas, HANDLES_BACK_MS_MAX)));
    const endMs = site.nowMs();
    this.#pauses.disable();

    await traffic.stopCalls();
    this.#recorder.faults.push({ name: this.#fault.name, startMs: injectMs, healMs: healedMs });
    const phases = phasesOf(this.#recorder.calls, { startMs, injectMs, healedMs, endMs });
    this.#metrics = { ...phases, convergedMs };
    await this.#check(traffic, truth);
    await this.#demand(site, this.#metrics);
  }

  /** @returns when the baseline began */
  async #beQuiet(): Promise<number> {
    const { startReplicas = true } = this.#fault.site ?? {};
    if (startReplicas) await sleep(WARM_MS);
    this.#pauses.enable();
    const startMs = this.#recorder.nowMs();
    if (startReplicas) await sleep(this.#scale.ms(BASELINE_MS.full, BASELINE_MS.least));
    return startMs;
  }

  async #break(site: Site): Promise<void> {
    const msMax = this.#scale.short ? FAULT_MS_MAX.short : FAULT_MS_MAX.full;
    const inTime = new AbortController();
    const tooLong = sleep(msMax, undefined, { signal: inTime.signal }).then(() => {
      throw new Error(`it did not come to its end within ${msMax} ms`);
    });
    try {
      await Promise.race([this.#fault.inject(site, this.#scale), tooLong]);
    } catch (error) {
      if (error instanceof NotPossibleHere) throw error;
      this.problems.push(`the fault itself: ${told(error)}`);
    } finally {
      inTime.abort();
    }
    await this.#fault.heal?.(site);
    site.traffic.resumeWrites();
  }

  /** @returns how long it took to converge */
  async #heal(site: Site, traffic: Traffic, healedMs: number): Promise<number> {
    const { msMax } = convergenceOf(this.#fault, this.#scale);
    const { ms, missing } = await converge(site, traffic, msMax * CONVERGENCE_WATCHED_FACTOR);
    this.problems.push(...missing);
    if (ms > msMax) this.problems.push(`converged ${ms.toFixed(0)} ms after healing, more than ${msMax}`);
    await sleep(Math.max(0, healedMs + this.#scale.ms(HEALED_MS.full, HEALED_MS.least) - site.nowMs()));
    return ms;
  }

  async #check(traffic: Traffic, truth: TruthReader): Promise<void> {
    await traffic.stopWatches(await truth.head(), AT_HEAD_MS_MAX);
    this.history = this.#recorder.history(await truth.finish());
    const { mayLose = false, site } = this.#fault;
    const perSecondMin = OPERATIONS_PER_S_MIN[this.#scale.short ? 'short' : 'full'];
    const operationsPerSecondMin = site?.startReplicas === false ? 1 : perSecondMin;
    this.#report = checkHistory(this.history, { mayLose, operationsPerSecondMin });
    this.problems.push(...violationsOf(this.#report));
  }

  async #demand(site: Site, metrics: Metrics): Promise<void> {
    const missing = await this.#fault.demand?.({ site, scale: this.#scale, metrics, note: site.note });
    this.problems.push(...(missing ?? []), ...defectsOf(site.replicas, metrics));
  }

  measured(): Pick<FaultResult, 'counts' | 'violations' | 'metrics' | 'turnedAway' | 'pauseMsMax'> {
    const found = Object.values(this.#report?.found ?? {});
    return {
      counts: this.#report?.counts ?? { writes: 0, reads: 0, watches: 0, watchEvents: 0, duringFaults: 0 },
      violations: found.reduce((sum, each) => sum + each, 0),
      metrics: this.#metrics,
      turnedAway: this.#traffic?.turnedAway ?? 0,
      pauseMsMax: this.#pauses.max / 1e6,
    };
  }

  /** Whatever became of it. */
  async end(): Promise<void> {
    await this.#traffic?.stopCalls();
    await this.#traffic?.stopWatches(0n, 0);
    await this.#truth?.stop();
  }
}

async function serversOf({ postgres, valkey }: QuietSite): Promise<Servers> {
  const [row] = await query<{ server_version: string }>(postgres.url, 'SHOW server_version');
  const info = await askValkey(valkey.server.url, (client) => client.info('server'));
  return { postgres: row!.server_version, valkey: /valkey_version:(\S+)/.exec(info)?.[1] ?? 'unknown' };
}

function told(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
