import type { JobReport, ReplicaJob } from './job.ts';

/** Compares samples of this replica's cache with the store. @param audit counts and logs what differs */
export function auditor(audit: () => Promise<JobReport>, everyMs: number): ReplicaJob {
  return { scope: 'replica', name: 'auditor', everyMs, run: audit };
}
