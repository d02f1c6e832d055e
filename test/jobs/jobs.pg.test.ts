import { expect } from 'chai';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { compaction } from '../../src/jobs/compaction.ts';
import type { FleetJob, Job, JobReport } from '../../src/jobs/job.ts';
import { partitions } from '../../src/jobs/partitions.ts';
import { type Jobs, startJobs } from '../../src/jobs/start-jobs.ts';
import { trimming } from '../../src/jobs/trimming.ts';
import type { StoreUpkeep } from '../../src/ports/store.ts';
import { freshDatabase, startPostgres, type TestDatabase } from '../support/servers.ts';
import { eventually, recorder } from './recorder.ts';

function job(name: string, run: () => Promise<JobReport>): FleetJob {
  return { scope: 'fleet', name, cron: '0 0 1 1 *', run };
}

describe('fleet jobs', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let started: Jobs[];

  beforeEach(async () => {
    database = await freshDatabase();
    started = [];
  });
  afterEach(async () => {
    await Promise.all(started.map((jobs) => jobs.stop()));
    await database.drop();
  });

  function replica(jobs: readonly Job[], url = database.url) {
    const telemetry = recorder();
    const running = startJobs({
      endpoints: { current: () => ({ connectionString: url }), gone: () => {} },
      jobs,
      clock: systemClock,
      random: Math.random,
      telemetry,
      pollSeconds: 0.5,
    });
    started.push(running);
    return { running, telemetry };
  }

  const runs = (jobs: Jobs, name: string) => eventually(() => jobs.runNow(name));

  it('call the store, and are seen in log and metrics', async () => {
    const called: unknown[] = [];
    const upkeep: StoreUpkeep = {
      compact: async (historyMs) => {
        called.push(historyMs);
        return { compactRevision: 7n, dropped: 3 };
      },
      trim: async () => ({ requests: called.push('trim'), batches: 0 }),
      extend: async () => ({ created: called.push('extend') }),
    };
    const { running, telemetry } = replica([compaction(upkeep, 3_600_000), trimming(upkeep), partitions(upkeep)]);
    for (const name of ['compaction', 'trimming', 'partitions']) await runs(running, name);
    await eventually(() => called.length === 3);
    expect(called).to.have.members([3_600_000, 'trim', 'extend']);
    await eventually(() => telemetry.logged.filter((line) => line.startsWith('info job done')).length === 3);
    expect(telemetry.total('job_runs')).to.equal(3);
    expect(telemetry.total('job_failures')).to.equal(0);
    expect(telemetry.observed).to.deep.equal(['job_seconds', 'job_seconds', 'job_seconds']);
  });

  it('run once for all replicas that start together', async () => {
    let count = 0;
    const release = Promise.withResolvers<void>();
    const slow = job('once', async () => {
      count++;
      await release.promise;
      return {};
    });
    const replicas = [replica([slow]), replica([slow]), replica([slow])];
    for (const { telemetry } of replicas) {
      await eventually(() => telemetry.logged.some((line) => line.includes('jobs are scheduled')));
    }
    const accepted = await Promise.all(replicas.map(({ running }) => running.runNow('once')));
    expect(accepted.filter((one) => one).length).to.equal(1);
    await eventually(() => count === 1);
    for (const { running } of replicas) expect(await running.runNow('once')).to.equal(false);
    release.resolve();
    await runs(replicas[0]!.running, 'once');
    await eventually(() => count === 2);
  });

  it('that fail are counted and logged, and the process lives on', async () => {
    const { running, telemetry } = replica([job('failing', () => Promise.reject(new Error('no luck')))]);
    await runs(running, 'failing');
    await eventually(() => telemetry.total('job_failures') === 1);
    expect(telemetry.logged.some((line) => line.startsWith('warn job failed'))).to.equal(true);
  });

  it('survive that PostgreSQL is not there at the start, and is killed later', async () => {
    const server = await startPostgres();
    await server.stop();
    try {
      let count = 0;
      const { running, telemetry } = replica([job('counting', async () => ({ count: ++count }))], server.url);
      await eventually(() => telemetry.logged.some((line) => line.includes('cannot start')));
      expect(await running.runNow('counting')).to.equal(false);
      await server.start();
      await runs(running, 'counting');
      await eventually(() => count === 1);
      await server.kill();
      await eventually(() => telemetry.logged.some((line) => line.includes('trouble with PostgreSQL')));
      expect(await running.runNow('counting')).to.equal(false);
      await server.start();
      await runs(running, 'counting');
      await eventually(() => count === 2);
      await running.stop();
    } finally {
      await server.close();
    }
  });

  it('stop in bounded time, also while PostgreSQL is frozen', async () => {
    const server = await startPostgres();
    try {
      const { running, telemetry } = replica([job('idle', async () => ({}))], server.url);
      await eventually(() => telemetry.logged.some((line) => line.includes('jobs are scheduled')));
      server.freeze();
      const startedMs = performance.now();
      await running.stop();
      expect(performance.now() - startedMs).to.be.below(20_000);
    } finally {
      server.thaw();
      await server.close();
    }
  });
});
