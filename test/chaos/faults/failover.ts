import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../e2e/eventually.ts';
import { consistency, deleteOf } from '../../e2e/rpc.ts';
import { query } from '../../e2e/watch-checker.ts';
import type { TestServer } from '../../support/servers.ts';
import type { Fault, Scale } from '../fault.ts';
import type { Site, SiteReplica } from '../site.ts';
import { promote } from '../site-postgres.ts';
import { type Demand, judged } from './judged.ts';
import { awaitLostFuture, EPOCH_MS_MAX, epochChanges, headAt, type LostFuture, newestEpoch } from './lost-future.ts';
import { writeApart } from './writes-apart.ts';

const LOSS =
  `new epoch ≤ ${EPOCH_MS_MAX / 1000} s after the server took writes, and known to every replica; one epoch, not more; ` +
  'no replica answers with what is lost; every watch that was told of it ends with REVISION_LOST';

interface Loss {
  readonly name: string;
  /** Besides what every loss demands. */
  readonly also?: string;
  readonly standbys: 1 | 2;
  /** @returns how many commits were lost */
  fail(site: Site, scale: Scale, demand: Demand): Promise<number>;
}

/** A fault that loses commits, once. */
function losing({ name, also, standbys, fail }: Loss): Fault {
  return judged({
    name,
    group: 'failover',
    also: also === undefined ? LOSS : `${LOSS}; ${also}`,
    site: { standbys: Array.from({ length: standbys }, () => 'asynchronous' as const) },
    mayLose: true,
    async inject(site, scale, demand) {
      const lost = await fail(site, scale, demand);
      site.note('commits lost', lost, 'count');
      demand(lost > 0, 'nothing was lost: the failover did not bite');
      await demandOneEpoch(site, demand);
    },
  });
}

function missingCommits(writes: 'with writes' | 'without writes'): Fault {
  return losing({
    name: `Failover to an asynchronous standby that misses commits, ${writes}`,
    standbys: 1,
    async fail(site, scale, demand) {
      await loseReplication(site, 0, scale);
      return failOver(site, writes, demand);
    },
  });
}

const apart = losing({
  name: 'Failover to one of two standbys that were promoted apart, then to the other',
  standbys: 2,
  async fail(site, scale, demand) {
    const [one, other] = site.postgres.standbys as [TestServer, TestServer];
    await site.postgres.primary.kill();
    await site.postgres.promote(0);
    site.tell('the first standby is the primary');
    await sleep(scale.ms(5000, 1000));
    const lostFuture = await awaitLostFuture(site, () => headAt(other.url));
    await promote(other);
    await writeApart(site, other, lostFuture.lost);
    await one.kill();
    site.postgres.replace(other);
    site.tell('the other one is');
    return demandGone(lostFuture, performance.now(), demand);
  },
});

const restored = losing({
  name: 'Restored from an older backup',
  standbys: 1,
  async fail(site, scale, demand) {
    const backup = await site.postgres.backUp();
    const kept = await headAt(site.postgres.url);
    site.tell('there is a backup');
    await sleep(scale.ms(5000, 1000));
    const lostFuture = await awaitLostFuture(site, async () => kept);
    await site.postgres.primary.kill();
    await backup.start();
    site.postgres.replace(backup);
    site.tell('the backup is the primary');
    return demandGone(lostFuture, performance.now(), demand);
  },
});

const comesBack = losing({
  name: 'Failover, after which new connections of one replica lead to the old primary',
  also: 'nothing that the old primary says or does afterwards is believed',
  standbys: 1,
  async fail(site, scale, demand) {
    await loseReplication(site, 0, scale);
    const lost = await failOver(site, 'with writes', demand);
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
    demand(reached > 0, 'no connection led to the old primary');
    await old.kill();
    return lost;
  },
});

const synchronous = judged({
  name: 'Failover to a synchronous standby',
  group: 'failover',
  also: 'nothing acknowledged is lost; one new epoch',
  site: { standbys: ['synchronous'] },
  async inject(site, scale, demand) {
    const changes = await epochChanges(site);
    await sleep(scale.ms(5000, 1000) * (0.5 + Math.random()));
    await site.postgres.primary.kill();
    await site.postgres.promote(0);
    while (!(await epochChanges(site)).every((count, at) => count > changes[at]!)) await sleep(20);
    const { start_revision, lost_after } = await newestEpoch(site.postgres.url);
    const acknowledged = site.traffic.newestAcknowledged(BigInt(start_revision));
    demand(acknowledged > 0n, 'nothing had been acknowledged before the failover');
    demand(
      acknowledged <= BigInt(lost_after),
      `revision ${acknowledged} was acknowledged, and all after ${lost_after} was lost`,
    );
    await demandOneEpoch(site, demand);
  },
});

export const failoverFaults: readonly Fault[] = [
  missingCommits('with writes'),
  missingCommits('without writes'),
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

/** To the first standby, which has missed something. @returns how many commits were lost */
async function failOver(site: Site, writes: 'with writes' | 'without writes', demand: Demand): Promise<number> {
  const { postgres, traffic } = site;
  const lostFuture = await awaitLostFuture(site, () => headAt(postgres.standbys[0]!.url));
  if (writes === 'without writes') await traffic.pauseWrites();
  await postgres.primary.kill();
  const promotedMs = await postgres.promote(0);
  site.tell('the standby is the primary');
  const lost = await demandGone(lostFuture, promotedMs, demand);
  traffic.resumeWrites();
  return lost;
}

/** @returns how many commits were lost */
async function demandGone(lostFuture: LostFuture, promotedMs: number, demand: Demand): Promise<number> {
  for (const wrong of await lostFuture.isGone(promotedMs)) demand(false, wrong);
  return lostFuture.lost;
}

/** One failover is one epoch: each further one would tell clients of losses that there were not. */
async function demandOneEpoch({ postgres }: Site, demand: Demand): Promise<void> {
  const { number } = await newestEpoch(postgres.url);
  demand(Number(number) === 1, `the store is in epoch ${number}, though there was reason for 1`);
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
