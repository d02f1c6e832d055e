import { expect } from 'chai';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { auditor } from '../../src/jobs/auditor.ts';
import { startReplicaJobs } from '../../src/jobs/start-replica-jobs.ts';
import { warmUp } from '../../src/jobs/warm-up.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { eventually, recorder } from './recorder.ts';

/** As the system's, but an hour passes in a millisecond. */
const hasty: Clock = { ...systemClock, setTimer: (ms, run) => systemClock.setTimer(ms / 3_600_000, run) };

describe('replica jobs', () => {
  it('run again and again, without overlap, and once at the start', async () => {
    const telemetry = recorder();
    let audits = 0;
    let running = 0;
    let warmed = 0;
    const audit = async () => {
      expect(++running).to.equal(1);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return { sampled: ++audits };
    };
    const jobs = startReplicaJobs({
      jobs: [auditor(audit, 1000), warmUp(async () => ({ keys: ++warmed }))],
      clock: hasty,
      random: () => 0.5,
      telemetry,
    });
    await eventually(() => audits >= 5 && warmed === 1);
    await jobs.stop();
    expect(warmed).to.equal(1);
    expect(telemetry.total('job_runs')).to.equal(audits + 1);
    expect(telemetry.total('job_failures')).to.equal(0);
  });

  it('that fail are tried again', async () => {
    const telemetry = recorder();
    let tries = 0;
    const warm = () => (++tries < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve({}));
    const jobs = startReplicaJobs({ jobs: [warmUp(warm)], clock: hasty, random: () => 0.5, telemetry });
    await eventually(() => tries === 3);
    await jobs.stop();
    expect(telemetry.total('job_failures')).to.equal(2);
  });

  it('are told to end, and waited for', async () => {
    const began = Promise.withResolvers<void>();
    let ended = false;
    const warm = async (signal: AbortSignal) => {
      began.resolve();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended = true;
      return {};
    };
    const jobs = startReplicaJobs({ jobs: [warmUp(warm)], clock: hasty, random: () => 0.5, telemetry: recorder() });
    await began.promise;
    await jobs.stop();
    expect(ended).to.equal(true);
  });
});
