import type { Job } from './job.ts';
import { type FleetJobs, type FleetJobsOptions, startFleetJobs } from './start-fleet-jobs.ts';
import { startReplicaJobs } from './start-replica-jobs.ts';

export const JOBS_SCHEMA = 'paramd_jobs';
const STOP_GRACE_MS = 5000;

export interface JobsOptions extends Omit<FleetJobsOptions, 'jobs' | 'schema'> {
  readonly jobs: readonly Job[];
  /** Default paramd_jobs. */
  readonly schema?: string | undefined;
}

export interface Jobs {
  readonly runNow: FleetJobs['runNow'];
  /** Lets runs end for a while, and ends in any case. */
  stop(): Promise<void>;
}

/** Starts all jobs. Returns at once, never throws, and survives the loss of PostgreSQL. */
export function startJobs(options: JobsOptions): Jobs {
  const { jobs, clock, schema = JOBS_SCHEMA } = options;
  const replica = startReplicaJobs({ ...options, jobs: jobs.filter((job) => job.scope === 'replica') });
  const fleet = startFleetJobs({ ...options, schema, jobs: jobs.filter((job) => job.scope === 'fleet') });
  return {
    runNow: fleet.runNow,
    async stop() {
      const late = new Promise<void>((resolve) => clock.setTimer(STOP_GRACE_MS, resolve));
      await Promise.all([fleet.stop(STOP_GRACE_MS), Promise.race([replica.stop(), late])]);
    },
  };
}
