import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../e2e/eventually.ts';
import { consistency, deleteOf } from '../../e2e/rpc.ts';
import { query } from '../../e2e/watch-checker.ts';
import type { TestServer } from '../../support/servers.ts';
import type { Fault, FaultRun, Scale } from '../fault.ts';
import type { Site, SiteReplica } from '../site.ts';
import { promote } from '../site-postgres.ts';
import { awaitLostFuture, EPOCH_MS_MAX, epochChanges, headAt, newestEpoch } from './lost-future.ts';
import { writeApart } from './writes-apart.ts';

/** What was found while it was done. */
interface Findings {
  readonly wrong: string[];
  lost: number;
}

const LOSS =
  `new epoch ≤ ${EPOCH_MS_MAX / 1000} s after the server took writes, and known to every replica; one epoch, not more; ` +
  'no replica answers with what is lost; every watch that was told of it ends with REVISION_LOST';

const findings = new WeakMap<Site, Findings>();

function begin(site: Site): Findings {
  const found = { wrong: [], lost: 0 };
  findings.set(site, found);
  return found;
}

/** Of every fault that loses commits. */
function demandLoss(run: FaultRun): readonly string[] {
  const { wrong, lost } = findings.get(run.site)!;
  run.note('commits lost', lost, 'count');
  return [...wrong, ...(lost > 0 ? [] : ['nothing was lost: the failover did not bite'])];
}

function asynchronous(name: string, writes: 'with writes' | 'without writes'): Fault {
  return {
    name: `${name}, ${writes}`,
    group: 'failover',
    also: LOSS,
    site: { standbys: ['asynchronous'] },
    mayLose: true,
    inject: async (site, scale) => {
      const found = begin(site);
      await loseReplication(site, 0, scale);
      await failOver(site, found, writes);
      await demandEpochs(site, 1, found.wrong);
    },
    demand: demandLoss,
  };
}

const apart: Fault = {
  name: 'Failover to one of two standbys that were promoted apart, then to the other',
  group: 'failover',
  also: LOSS,
  site: { standbys: ['asynchronous', 'asynchronous'] },
  mayLose: true,
  inject: async (site, scale) => {
    const found = begin(site);
    const [one, other] = site.postgres.standbys as [TestServer, TestServer];
    await site.postgres.primary.kill();
    await site.postgres.promote(0);
    site.tell('the first standby is the primary');
    await sleep(scale.ms(5000, 1000));
    const lostFuture = await awaitLostFuture(site, () => headAt(other.url));
    found.lost = lostFuture.lost;
    await promote(other);
    await writeApart(site, other, lostFuture.lost);
    await one.kill();
    site.postgres.replace(other);
    site.tell('the other one is');
    found.wrong.push(...(await lostFuture.isGone(performance.now())));
    await demandEpochs(site, 1, found.wrong);
  },
  demand: demandLoss,
};

const restored: Fault = {
  name: 'Restored from an older backup',
  group: 'failover',
  also: LOSS,
  site: { standbys: ['asynchronous'] },
  mayLose: true,
  inject: async (site, scale) => {
    const found = begin(site);
    const backup = await site.postgres.backUp();
    const kept = await headAt(site.postgres.url);
    site.tell('there is a backup');
    await sleep(scale.ms(5000, 1000));
    const lostFuture = await awaitLostFuture(site, async () => kept);
    found.lost = lostFuture.lost;
    await site.postgres.primary.kill();
    await backup.start();
    site.postgres.replace(backup);
    site.tell('the backup is the primary');
    found.wrong.push(...(await lostFuture.isGone(performance.now())));
    await demandEpochs(site, 1, found.wrong);
  },
  demand: demandLoss,
};

const comesBack: Fault = {
  name: 'Failover, after which new connections of one replica lead to the old primary',
  group: 'failover',
  also: `${LOSS}; nothing that the old primary says or does afterwards is believed`,
  site: { standbys: ['asynchronous'] },
  mayLose: true,
  inject: async (site, scale) => {
    const found = begin(site);
    await loseReplication(site, 0, scale);
    await failOver(site, found, 'with writes');
    const old = await site.postgres.comeBack();
    const [replica] = site.replicas as [SiteReplica];
    let reached = 0;
    for (const lane of ['reads', 'tailer', 'writes', '%']) {
      site.tell(`the old primary is back, and new connections for ${lane === '%' ? 'everything' : lane} lead to it`);
      replica.links.store.leadNew(old.port);
      await disconnect(site.postgres.url, lane);
      await sleep(scale.ms(5000, 1200));
      reached += await connected(old.url);
      replica.links.store.leadNew(site.postgres.primary.port);
      await disconnect(old.url, '%');
      await eventually(() => isCurrent(replica));
    }
    site.note('connections that led to the old primary', reached, 'count');
    if (reached === 0) found.wrong.push('no connection led to the old primary');
    await old.kill();
    await demandEpochs(site, 1, found.wrong);
  },
  demand: demandLoss,
};

const synchronous: Fault = {
  name: 'Failover to a synchronous standby',
  group: 'failover',
  also: 'nothing acknowledged is lost; one new epoch',
  site: { standbys: ['synchronous'] },
  inject: async (site, scale) => {
    const found = begin(site);
    const changes = await epochChanges(site);
    await sleep(scale.ms(5000, 1000) * (0.5 + Math.random()));
    await site.postgres.primary.kill();
    await site.postgres.promote(0);
    while (!(await epochChanges(site)).every((count, at) => count > changes[at]!)) await sleep(20);
    const { start_revision, lost_after } = await newestEpoch(site.postgres.url);
    const acknowledged = site.traffic.newestAcknowledged(BigInt(start_revision));
    if (acknowledged === 0n) found.wrong.push('nothing had been acknowledged before the failover');
    if (acknowledged > BigInt(lost_after)) {
      found.wrong.push(`revision ${acknowledged} was acknowledged, and all after ${lost_after} was lost`);
    }
    await demandEpochs(site, 1, found.wrong);
  },
  demand: ({ site }) => findings.get(site)!.wrong,
};

export const failoverFaults: readonly Fault[] = [
  asynchronous('Failover to an asynchronous standby that misses commits', 'with writes'),
  asynchronous('Failover to an asynchronous standby that misses commits', 'without writes'),
  apart,
  restored,
  comesBack,
  synchronous,
];

async function loseReplication({ postgres, tell }: Site, standby: number, scale: Scale): Promise<void> {
  postgres.replication[standby]!.mode = 'blackhole';
  tell('the standby does not follow any more');
  await sleep(scale.ms(5000, 1000));
}

/** To the first standby, which has missed something. */
async function failOver(site: Site, found: Findings, writes: 'with writes' | 'without writes'): Promise<void> {
  const { postgres, traffic } = site;
  const lostFuture = await awaitLostFuture(site, () => headAt(postgres.standbys[0]!.url));
  found.lost = lostFuture.lost;
  if (writes === 'without writes') await traffic.pauseWrites();
  await postgres.primary.kill();
  const promotedMs = await postgres.promote(0);
  site.tell('the standby is the primary');
  found.wrong.push(...(await lostFuture.isGone(promotedMs)));
  traffic.resumeWrites();
}

/** One failover is one epoch: each further one would tell clients of losses that there were not. */
async function demandEpochs({ postgres }: Site, count: number, wrong: string[]): Promise<void> {
  const { number } = await newestEpoch(postgres.url);
  if (Number(number) !== count) wrong.push(`the store is in epoch ${number}, though there was reason for ${count}`);
}

function disconnect(url: string, lane: string): Promise<unknown> {
  return query(
    url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'paramd ${lane}'`,
  );
}

/** Its way to the primary, for reads, the log and writes, is as it should be. */
async function isCurrent({ rpc }: SiteReplica): Promise<boolean> {
  try {
    await rpc.getMany({ keys: ['chaos:0:00'], consistency: consistency({ linearizable: true }) });
    await rpc.commit({ operations: [deleteOf('fault:none', true)] });
    return true;
  } catch {
    return false;
  }
}

async function connected(url: string): Promise<number> {
  const [row] = await query<{ count: number }>(
    url,
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name LIKE 'paramd %'",
  );
  return row!.count;
}
