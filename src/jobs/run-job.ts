import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Job } from './job.ts';

/** One run, seen in log and metrics. Rejects as the job does. */
export async function runJob(job: Job, signal: AbortSignal, telemetry: Telemetry, clock: Clock): Promise<void> {
  const startedMs = clock.monotonicMs();
  const seconds = () => (clock.monotonicMs() - startedMs) / 1000;
  // What every replica does every minute is not news.
  const level = job.scope === 'replica' && job.everyMs !== undefined ? 'debug' : 'info';
  telemetry.add('job_runs');
  try {
    const report = await job.run(signal);
    telemetry.log(level, 'job done', { job: job.name, seconds: seconds(), ...report });
  } catch (error) {
    telemetry.add('job_failures');
    telemetry.log('warn', 'job failed', { job: job.name, seconds: seconds(), error });
    throw error;
  } finally {
    telemetry.observe('job_seconds', seconds());
  }
}
