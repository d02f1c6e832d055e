import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { findPostmaster } from '../../../src/embedded/postmaster.ts';
import { goneWithin, processTree, sendSignal } from '../../../src/embedded/process.ts';
import { eventually } from '../../e2e/eventually.ts';
import { query } from '../../e2e/watch-checker.ts';
import type { TestServer } from '../../support/servers.ts';
import { type Fault, type FaultRun, NotPossibleHere } from '../fault.ts';
import type { Site } from '../site.ts';
import { type CachedReads, readCached } from './cached-reads.ts';

/** Of a replica: four for reads as the site sets it, and one each for writes and upkeep, two for the log. */
const CONNECTIONS_MAX = 8;
const DISK_BYTES = 192 << 20;
const NO_LEAK = `≤ ${CONNECTIONS_MAX} connections to PostgreSQL by each replica afterwards`;
const DIES_MS_MAX = 10_000;
const DISK_FULL = '53100';
/** Commits of one crash, and the numbers that are theirs. */
const PROBES = 200;
const PROBE_NUMBERS = 1_000_000;

const cachedReads = new WeakMap<Site, CachedReads>();
/** What shows that the fault was felt. */
const felt = new WeakMap<Site, Record<string, number>>();

const blackholed: Fault = {
  name: 'PostgreSQL blackholed',
  group: 'postgres',
  also: `reads of cached keys without demands: all answered, flagged, with their age or more; ${NO_LEAK}`,
  // The near cache has room for every key, so that it can be demanded to answer.
  site: { settings: { PARAMD_NEAR_CACHE_ENTRIES: '2000' } },
  inject: async (site, scale) => {
    const reads = await readCached(site, () => turn(site, 'blackhole'));
    cachedReads.set(site, reads);
    await sleep(scale.ms(30_000, 4000));
    await reads.stop();
  },
  heal: async (site) => turn(site, 'pass'),
  demand: (run) => {
    const { count, failed, degraded, wrong } = cachedReads.get(run.site)!;
    run.note('cached reads while it was away', count, 'count');
    run.note('cached reads that failed', failed, 'count');
    return [
      ...wrong.slice(0, 5),
      ...unless(degraded > 0, 'no cached read was flagged degraded'),
      ...unless(failures(run, 'writes', 'UNAVAILABLE') > 0, 'no write noticed that PostgreSQL was away'),
      ...leaks(run.site),
    ];
  },
};

const repliesLost: Fault = {
  name: 'PostgreSQL receives, and its replies are lost',
  group: 'postgres',
  also: `no write twice; ${NO_LEAK}`,
  inject: async (site, scale) => {
    const counts = { cuts: 0, committedUnheard: 0, resent: -(await resent(site)) };
    felt.set(site, counts);
    // Short ones that end with a broken connection: each leaves batches whose answer nobody heard.
    for (let cut = scale.times(30, 6); cut > 0; cut--) {
      counts.committedUnheard += await committedMeanwhile(site, async () => {
        turn(site, 'lose-replies');
        await sleep(100);
      });
      turn(site, 'reset');
      turn(site, 'pass');
      counts.cuts++;
      await sleep(300);
    }
    // And a long one, that only the replicas' own patience ends.
    turn(site, 'lose-replies');
    await sleep(scale.ms(15_000, 2000));
    counts.resent += await resent(site);
  },
  heal: async (site) => turn(site, 'pass'),
  demand: (run) => {
    const { cuts, committedUnheard, resent } = felt.get(run.site)!;
    run.note('times that replies were lost', cuts! + 1, 'count');
    run.note('commits whose reply was lost', committedUnheard!, 'count');
    return [
      ...unless(committedUnheard! > 0, 'nothing was committed while replies were lost'),
      ...unless(resent! > 0, 'no batch was sent again'),
      ...leaks(run.site),
    ];
  },
};

const restartedAtOnce: Fault = {
  name: 'PostgreSQL restarted at once (immediate)',
  group: 'postgres',
  also: NO_LEAK,
  inject: async (site, scale) => {
    const counts = { restarts: 0, longestMs: 0 };
    felt.set(site, counts);
    for (let restart = scale.times(10, 3); restart > 0; restart--) {
      await sleep(scale.ms(2000, 500) * (0.5 + Math.random()));
      await quitAtOnce(site.postgres.primary);
      await site.postgres.primary.start();
      const startedMs = performance.now();
      await eventually(() => writeTaken(site));
      counts.longestMs = Math.max(counts.longestMs, performance.now() - startedMs);
      counts.restarts++;
    }
  },
  demand: (run) => {
    const { restarts, longestMs } = felt.get(run.site)!;
    run.note('restarts', restarts!, 'count');
    run.note('writes again after the start, longest', longestMs!, 'ms');
    return [...unless(brokenCalls(run) > 0, 'no call noticed the restarts'), ...leaks(run.site)];
  },
};

const diskFull: Fault = {
  name: 'PostgreSQL: its disk is full',
  group: 'postgres',
  also: `no room for data, then none for the WAL, which ends PostgreSQL; ${NO_LEAK}`,
  site: { postgresDiskBytes: DISK_BYTES, postgresSettings: { max_wal_size: '64MB' } },
  inject: async (site, scale) => {
    const { disk, primary, url } = site.postgres;
    if (disk === undefined) {
      throw new NotPossibleHere(
        'PostgreSQL got no small disk of its own: that takes Linux, root, and the right to mount',
      );
    }
    const counts = { refused: 0, died: 0 };
    felt.set(site, counts);
    disk.fill();
    site.tell('the disk is full');
    if (
      (await failureOf(
        url,
        `CREATE TABLE chaos_ballast AS SELECT repeat('x', 1000) FROM generate_series(1, 10000)`,
      )) === DISK_FULL
    ) {
      counts.refused++;
    }
    await sleep(scale.ms(10_000, 1500));
    // No room for the next segment of the WAL either: PostgreSQL panics, and does not come back before there is.
    for (let segments = 0; segments < 50 && counts.died === 0; segments++) {
      disk.fill();
      const code = await failureOf(url, 'SELECT pg_switch_wal()');
      if (code !== undefined && code !== DISK_FULL) counts.died++;
    }
    site.tell('PostgreSQL has no room for its WAL');
    await sleep(scale.ms(5000, 1000));
    disk.free();
    await quitAtOnce(primary);
    await primary.start();
  },
  demand: (run) => {
    const { refused, died } = felt.get(run.site)!;
    return [
      ...unless(refused! > 0, 'the disk was not full for PostgreSQL'),
      ...unless(died! > 0, 'PostgreSQL did not run out of room for its WAL'),
      ...unless(failures(run, 'writes', 'UNAVAILABLE') > 0, 'no write noticed that the disk was full'),
      ...leaks(run.site),
    ];
  },
};

const asynchronousCommit: Fault = {
  name: 'PostgreSQL with synchronous_commit=off as the default of the role, crashed',
  group: 'postgres',
  also: 'nothing acknowledged is lost, while other clients of the same role lose commits',
  // What nobody waited for stays out of the WAL for as long as possible.
  site: { postgresSettings: { wal_writer_delay: '10s', wal_writer_flush_after: '1GB' } },
  inject: async (site, scale) => {
    const { primary, url } = site.postgres;
    const counts = { crashes: 0, probesLost: 0 };
    felt.set(site, counts);
    await query(url, 'CREATE TABLE chaos_probe (number int PRIMARY KEY)');
    await query(url, 'ALTER ROLE CURRENT_USER SET synchronous_commit = off');
    await query(url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'paramd %'`);
    for (let crash = scale.times(10, 2); crash > 0; crash--) {
      await eventually(() => writeTaken(site));
      await sleep(scale.ms(2000, 500) * (0.5 + Math.random()));
      const acknowledged = await probeUntilKilled(primary, counts.crashes);
      await primary.kill();
      await primary.start();
      const [row] = await query<{ newest: number | null }>(
        url,
        `SELECT max(number) AS newest FROM chaos_probe WHERE number / ${PROBE_NUMBERS} = ${counts.crashes}`,
      );
      counts.probesLost += acknowledged - (row!.newest ?? counts.crashes * PROBE_NUMBERS - 1);
      counts.crashes++;
    }
    await query(url, 'ALTER ROLE CURRENT_USER RESET synchronous_commit');
  },
  demand: (run) => {
    const { crashes, probesLost } = felt.get(run.site)!;
    run.note('crashes', crashes!, 'count');
    run.note('commits of others that were acknowledged and lost', probesLost!, 'count');
    return [...unless(probesLost! > 0, 'no crash lost what others were told of: the setting did not bite')];
  },
};

export const postgresFaults: readonly Fault[] = [
  blackholed,
  repliesLost,
  restartedAtOnce,
  diskFull,
  asynchronousCommit,
];

function turn({ replicas }: Site, mode: 'pass' | 'blackhole' | 'lose-replies' | 'reset'): void {
  for (const { links } of replicas) links.store.mode = mode;
}

/** `pg_ctl stop -m immediate`: no checkpoint, so that it has to recover. */
async function quitAtOnce(server: TestServer): Promise<void> {
  const postmaster = findPostmaster(join(server.folder, 'data'));
  if (postmaster !== undefined) {
    sendSignal(postmaster, 'SIGQUIT');
    if (!(await goneWithin([postmaster], DIES_MS_MAX))) throw new Error('PostgreSQL does not quit');
  }
  await server.stop();
}

async function headOf({ postgres }: Site): Promise<bigint> {
  const [row] = await query<{ revision: string }>(postgres.url, 'SELECT revision FROM paramd.head');
  return BigInt(row!.revision);
}

async function committedMeanwhile(site: Site, during: () => Promise<void>): Promise<number> {
  const before = await headOf(site);
  await during();
  return Number((await headOf(site)) - before);
}

/** Has the traffic written something since? */
async function writeTaken(site: Site): Promise<boolean> {
  try {
    return (await committedMeanwhile(site, () => sleep(20))) > 0;
  } catch {
    return false;
  }
}

async function resent({ replicas }: Site): Promise<number> {
  const counts = await Promise.all(replicas.map((replica) => replica.metric('paramd_write_retries_total')));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Single commits, one after the other; right after the last one every process is killed. @returns the last number */
async function probeUntilKilled({ url, folder }: TestServer, crash: number): Promise<number> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  const first = crash * PROBE_NUMBERS;
  const processes = processTree(findPostmaster(join(folder, 'data'))!);
  for (let number = first; number < first + PROBES; number++) {
    await client.query('INSERT INTO chaos_probe VALUES ($1)', [number]);
  }
  for (const each of processes) sendSignal(each, 'SIGKILL');
  return first + PROBES - 1;
}

/** @returns undefined: it succeeded. Else the SQLSTATE, or that of Node for a lost connection */
async function failureOf(url: string, statement: string): Promise<string | undefined> {
  try {
    await query(url, statement);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? 'lost';
  }
}

function unless(held: boolean, complaint: string): readonly string[] {
  return held ? [] : [complaint];
}

function failures({ metrics }: FaultRun, calls: 'reads' | 'writes', status: string): number {
  const counts = Object.entries(metrics.fault[calls].failures);
  return counts.reduce((sum, [told, count]) => sum + (told.startsWith(status) ? count : 0), 0);
}

function brokenCalls(run: FaultRun): number {
  return failures(run, 'reads', '') + failures(run, 'writes', '') + run.metrics.fault.degraded;
}

function leaks({ replicas }: Site): readonly string[] {
  return replicas.flatMap(({ name, links }) =>
    unless(
      links.store.connections <= CONNECTIONS_MAX,
      `${name} holds ${links.store.connections} connections to PostgreSQL`,
    ),
  );
}
