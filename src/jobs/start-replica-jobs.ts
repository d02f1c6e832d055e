import type { Clock, Random, Timer } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { ReplicaJob } from './job.ts';
import { runJob } from './run-job.ts';

const JITTER = 0.1;
/** Until what failed is tried again, unless it is due sooner. */
const RETRY_MS = 60_000;

export interface ReplicaJobsOptions {
  readonly jobs: readonly ReplicaJob[];
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}

export interface ReplicaJobs {
  /** Tells runs to end and waits for them. */
  stop(): Promise<void>;
}

/** Runs each job on a timer of its own; a run never overlaps the next of the same job. */
export function startReplicaJobs({ jobs, clock, random, telemetry }: ReplicaJobsOptions): ReplicaJobs {
  const stopping = new AbortController();
  const timers = new Map<ReplicaJob, Timer>();
  const running = new Set<Promise<void>>();

  function later(job: ReplicaJob, ms: number): void {
    if (stopping.signal.aborted) return;
    const jitteredMs = ms * (1 - JITTER + 2 * JITTER * random());
    timers.set(
      job,
      clock.setTimer(jitteredMs, () => start(job)),
    );
  }

  function start(job: ReplicaJob): void {
    const run = runJob(job, stopping.signal, telemetry, clock).then(
      () => job.everyMs !== undefined && later(job, job.everyMs),
      () => later(job, Math.min(job.everyMs ?? RETRY_MS, RETRY_MS)),
    );
    const tracked = run.then(() => void running.delete(tracked));
    running.add(tracked);
  }

  for (const job of jobs) later(job, job.everyMs ?? 0);
  return {
    async stop() {
      stopping.abort();
      for (const timer of timers.values()) timer.cancel();
      await Promise.all(running);
    },
  };
}
