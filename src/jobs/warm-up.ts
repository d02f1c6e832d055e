import type { JobReport, ReplicaJob } from './job.ts';

/** Fills this replica's cache, once. @param warm ends early when told to */
export function warmUp(warm: (signal: AbortSignal) => Promise<JobReport>): ReplicaJob {
  return { scope: 'replica', name: 'warm-up', everyMs: undefined, run: warm };
}
