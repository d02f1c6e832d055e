import { PgBoss } from 'pg-boss';
import type { Clock, Random, Timer } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { FleetJob } from './job.ts';
import { runJob } from './run-job.ts';

/*
 * pg-boss does the shared work: one run each time for the whole fleet, taken over when a replica dies in the middle.
 *
 * It begins once and throws if PostgreSQL is not there, and later stays with the server it began with. Both are not enough
 * for a service that outlives its database: so it is begun anew, in the background, until it comes up, and also when it
 * has had errors for as long as ERROR_CHECKS_MAX checks in a row, then with the next server if there are several.
 */
const CONNECTIONS_MAX = 2;
const CONNECT_TIMEOUT_MS = 5000;
/** For what is left after the grace; a frozen server answers no goodbye. */
const END_MS_MAX = 1000;
const STATEMENT_TIMEOUT_MS = 60_000;
const KEEPALIVE_DELAY_MS = 5000;
const RETRY_FIRST_MS = 500;
const RETRY_LONGEST_MS = 30_000;
const ERROR_CHECK_MS = 30_000;
const ERROR_CHECKS_MAX = 3;
const POLL_SECONDS = 30;
/** A replica that says nothing for so long has died, and another takes over its run. */
const HEARTBEAT_SECONDS = 30;
const RUN_SECONDS_MAX = 30 * 60;
const RETRIES_MAX = 2;
const RETRY_SECONDS = 30;
const KEPT_SECONDS = 24 * 3600;

/** What pg takes. What is left out, it takes from PG*. */
export interface JobsConnection {
  readonly connectionString?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: unknown;
  readonly database?: string | undefined;
  readonly ssl?: unknown;
  readonly options?: string | undefined;
}

/** The servers that may be the primary. */
export interface JobsEndpoints {
  current(): JobsConnection;
  /** Not it, or not there. */
  gone(connection: JobsConnection): void;
}

export interface FleetJobsOptions {
  readonly endpoints: JobsEndpoints;
  /** Made if it is not there. */
  readonly schema: string;
  readonly jobs: readonly FleetJob[];
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** How often each queue is looked at. Default 30. */
  readonly pollSeconds?: number | undefined;
}

export interface FleetJobs {
  /** Beside its schedule, once for the fleet. False: it is queued or running already, or PostgreSQL is away. */
  runNow(name: string): Promise<boolean>;
  /** Lets runs end for this long. */
  stop(graceMs: number): Promise<void>;
}

/** Returns at once; PostgreSQL need not be there. */
export function startFleetJobs(options: FleetJobsOptions): FleetJobs {
  const { endpoints, clock, random, telemetry } = options;
  let stopped = false;
  let boss: PgBoss | undefined;
  let errors = 0;
  let failedChecks = 0;
  let failedStarts = 0;
  let timer: Timer | undefined;
  let turn: Promise<void> = begin();

  async function begin(): Promise<void> {
    const connection = endpoints.current();
    const mine = openBoss(connection, options.schema);
    mine.on('error', (error: unknown) => {
      if (errors++ === 0 && failedChecks === 0) telemetry.log('warn', 'jobs have trouble with PostgreSQL', { error });
    });
    mine.on('warning', ({ message }) => telemetry.log('warn', 'jobs are warned by pg-boss', { message }));
    try {
      await mine.start();
      for (const job of options.jobs) await register(mine, job);
      if (stopped) return await end(mine, 0);
      boss = mine;
      failedStarts = 0;
      telemetry.log('info', 'jobs are scheduled', { jobs: options.jobs.map((job) => job.name).join(', ') });
      after(ERROR_CHECK_MS, check);
    } catch (error) {
      if (failedStarts === 0) telemetry.log('warn', 'jobs cannot start and try again', { error });
      endpoints.gone(connection);
      await end(mine, 0);
      after(Math.min(RETRY_FIRST_MS * 2 ** Math.min(failedStarts++, 16), RETRY_LONGEST_MS), begin);
    }
  }

  async function check(): Promise<void> {
    failedChecks = errors > 0 ? failedChecks + 1 : 0;
    errors = 0;
    if (failedChecks < ERROR_CHECKS_MAX || boss === undefined) return after(ERROR_CHECK_MS, check);
    const former = boss;
    boss = undefined;
    failedChecks = 0;
    endpoints.gone(endpoints.current());
    await end(former, 0);
    if (!stopped) await begin();
  }

  function after(ms: number, what: () => Promise<void>): void {
    if (stopped) return;
    timer = clock.setTimer(ms * (0.75 + random() / 2), () => {
      turn = what();
    });
  }

  async function register(to: PgBoss, job: FleetJob): Promise<void> {
    const queue = {
      policy: 'exclusive',
      retryLimit: RETRIES_MAX,
      retryDelay: RETRY_SECONDS,
      expireInSeconds: RUN_SECONDS_MAX,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      retentionSeconds: KEPT_SECONDS,
      deleteAfterSeconds: KEPT_SECONDS,
    };
    await to.createQueue(job.name, queue);
    await to.work(job.name, { pollingIntervalSeconds: options.pollSeconds ?? POLL_SECONDS }, async ([taken]) => {
      await runJob(job, taken!.signal, telemetry, clock);
    });
    await to.schedule(job.name, job.cron, null, { tz: 'UTC', missed: 'once' });
  }

  async function end(what: PgBoss, graceMs: number): Promise<void> {
    const ended = what.stop({ graceful: graceMs > 0, timeout: graceMs }).catch(() => {});
    await Promise.race([ended, elapsed(clock, graceMs + END_MS_MAX)]);
  }

  return {
    async runNow(name) {
      const id = await boss?.send(name).catch(() => null);
      return typeof id === 'string';
    },
    async stop(graceMs) {
      stopped = true;
      timer?.cancel();
      await Promise.race([turn, elapsed(clock, CONNECT_TIMEOUT_MS)]);
      if (boss !== undefined) await end(boss, graceMs);
    },
  };
}

function openBoss(connection: JobsConnection, schema: string): PgBoss {
  const session = `-c statement_timeout=${STATEMENT_TIMEOUT_MS} -c tcp_user_timeout=${STATEMENT_TIMEOUT_MS}`;
  const options = {
    ...connection,
    options: [connection.options, session].filter(Boolean).join(' '),
    schema,
    application_name: 'paramd-jobs',
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // Beyond the server's own timeout, for a server that says nothing. Taken by pg, not named by pg-boss's types.
    query_timeout: STATEMENT_TIMEOUT_MS + 5000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
    // The tables are tiny, and looking after the whole server is not our task.
    reindex: false,
    monitorVacuum: false,
  };
  return new PgBoss(options as ConstructorParameters<typeof PgBoss>[0] & object);
}

function elapsed(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(ms, resolve));
}
