import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultRun } from '../fault.ts';
import { askValkey } from '../site-valkey.ts';
import { busConnected, busLost } from './bus-state.ts';
import { mustBeFelt, SERVED, served, total } from './demands.ts';
import { heldEntries, oldEntries } from './held-entries.ts';
import { EntrySpoiler } from './spoil-entries.ts';
import { withStampede } from './stampede.ts';

const FROZEN_P99_MS_MAX = 300;
/** In CI everything shares two cores with others, and a few hundred calls make the percentile. */
const FROZEN_P99_MS_MAX_SHORT = 600;

function killed(): Fault {
  let broken: readonly string[] = [];
  return {
    name: 'Valkey killed',
    group: 'valkey',
    also: `${SERVED}; ≤ 1 load per key and replica in a stampede meanwhile`,
    inject: (site, scale) =>
      withStampede(site, scale.times(200, 20), async ({ quiet, run }) => {
        await site.valkey.server.kill();
        site.note('loss of the bus noticed', await busLost([quiet, ...site.replicas]), 'ms');
        broken = await run();
        await sleep(scale.ms(30_000, 1500));
        await site.valkey.server.start();
      }),
    demand: (run) => [...broken, ...served(run)],
  };
}

function restartedEmpty(): Fault {
  let broken: readonly string[] = [];
  return {
    name: 'Valkey restarted empty',
    group: 'valkey',
    also: `${SERVED}; ≤ 1 load per key and replica in a stampede after it`,
    inject: (site, scale) =>
      withStampede(site, scale.times(200, 20), async ({ quiet, run }) => {
        const { server } = site.valkey;
        const before = (await heldEntries(server.url)).size;
        await server.kill();
        await server.start();
        const after = (await heldEntries(server.url)).size;
        mustBeFelt(after < before / 2, `${before} entries before, ${after} after`);
        await busConnected([quiet, ...site.replicas]);
        broken = await run();
      }),
    demand: (run) => [...broken, ...served(run)],
  };
}

function oldDump(): Fault {
  return {
    name: 'Valkey restarted with an old dump',
    group: 'valkey',
    also: SERVED,
    async inject({ replicas, postgres, valkey: { server }, note }, scale) {
      const dump = join(server.folder, 'dump.rdb');
      await askValkey(server.url, (valkey) => valkey.save());
      copyFileSync(dump, `${dump}.old`);
      await sleep(scale.ms(10_000, 1500));
      await server.kill();
      copyFileSync(`${dump}.old`, dump);
      await server.start();
      const old = await oldEntries(await heldEntries(server.url), postgres.url);
      mustBeFelt(old > 0, 'no entry of the dump is older than what the store has');
      note('old entries in the dump', old, 'count');
      await busConnected(replicas);
      await sleep(scale.ms(10_000, 1000));
    },
    demand: served,
  };
}

function frozen(): Fault {
  return {
    name: 'Valkey frozen',
    group: 'valkey',
    also: `${SERVED}; p99 ≤ ${FROZEN_P99_MS_MAX} ms while frozen (in CI ${FROZEN_P99_MS_MAX_SHORT})`,
    async inject({ replicas, valkey: { server }, note }, scale) {
      server.freeze();
      try {
        note('loss of the bus noticed', await busLost(replicas), 'ms');
        await sleep(scale.ms(10_000, 2500));
      } finally {
        server.thaw();
      }
    },
    demand: (run) => [...served(run), ...quick(run)],
  };
}

function quick({ metrics: { fault }, scale }: FaultRun): readonly string[] {
  const msMax = scale.short ? FROZEN_P99_MS_MAX_SHORT : FROZEN_P99_MS_MAX;
  const slow = (['reads', 'writes'] as const).filter((calls) => !(fault[calls].p99Ms <= msMax));
  return slow.map((calls) => `p99 of ${calls} while frozen: ${fault[calls].p99Ms.toFixed(0)} ms, above ${msMax}`);
}

/** What is written over stays there, old, while announcements go on. */
function outOfMemory(): Fault {
  return {
    name: 'Valkey out of memory',
    group: 'valkey',
    also: SERVED,
    async inject(site, scale) {
      const { server } = site.valkey;
      const before = await total(site, 'shared_errors');
      await askValkey(server.url, async (valkey) => {
        await valkey.config('SET', 'maxmemory-policy', 'noeviction');
        await valkey.config('SET', 'maxmemory', '1');
        const refusal = await valkey.set('fault', 'x').then(String, String);
        mustBeFelt(refusal.includes('OOM'), `it answered a write with ${refusal}`);
      });
      await sleep(scale.ms(10_000, 3000));
      const refused = (await total(site, 'shared_errors')) - before;
      mustBeFelt(refused > 0, 'no replica tried to store an entry');
      site.note('entries refused', refused, 'count');
    },
    heal: ({ valkey: { server } }) =>
      askValkey(server.url, async (valkey) => {
        await valkey.config('SET', 'maxmemory', '256mb');
        await valkey.config('SET', 'maxmemory-policy', 'allkeys-lru');
      }),
    demand: served,
  };
}

function subscribersKilled(): Fault {
  return {
    name: 'subscriber connections killed',
    group: 'valkey',
    also: SERVED,
    inject: ({ replicas, valkey: { server }, note }, scale) =>
      askValkey(server.url, async (valkey) => {
        let kills = 0;
        const endMs = performance.now() + scale.ms(20_000, 3000);
        while (performance.now() < endMs) {
          kills += Number(await valkey.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
          await sleep(150);
        }
        mustBeFelt(kills > replicas.length, `${kills} connections killed`);
        note('connections killed', kills, 'count');
      }),
    demand: served,
  };
}

function garbage(): Fault {
  return {
    name: "garbage in Valkey's keys",
    group: 'valkey',
    also: SERVED,
    async inject(site, scale) {
      const { server } = site.valkey;
      const before = await total(site, 'shared_rejected');
      const earlier = await heldEntries(server.url);
      const counts = await askValkey(server.url, async (valkey) => {
        const spoiler = new EntrySpoiler(valkey, earlier);
        const endMs = performance.now() + scale.ms(20_000, 3000);
        while (performance.now() < endMs) await spoiler.round();
        return spoiler.counts;
      });
      site.tell(`entries spoiled: ${JSON.stringify(counts)}`);
      for (const [way, count] of Object.entries(counts)) mustBeFelt(count > 0, `none was written: ${way}`);
      const rejected = (await total(site, 'shared_rejected')) - before;
      mustBeFelt(rejected > 0, 'no replica met any of it');
      site.note('entries rejected', rejected, 'count');
    },
    demand: served,
  };
}

/** The replica was cut off for a while: what it has is old, and what is newer is gone. */
function laggingFailover(): Fault {
  return {
    name: 'Valkey failover to a lagging replica',
    group: 'valkey',
    also: SERVED,
    site: { valkeyReplica: true },
    async inject({ replicas, valkey, postgres, note }, scale) {
      const [server, replica, replication] = [valkey.server, valkey.replica!, valkey.replication!];
      replication.mode = 'blackhole';
      await sleep(scale.ms(10_000, 2000));
      await askValkey(replica.url, (client) => client.replicaof('NO', 'ONE'));
      const old = await oldEntries(await heldEntries(replica.url), postgres.url);
      mustBeFelt(old > 0, 'no entry of the replica is older than what the store has');
      note('old entries at the replica', old, 'count');
      // Not all at once: for a while some announce there and some here.
      for (const { links } of replicas) {
        links.valkey.lead(replica.port);
        await sleep(scale.ms(1000, 300));
      }
      await busConnected(replicas);
      await server.kill();
      await sleep(scale.ms(5000, 1000));
    },
    demand: served,
  };
}

export const valkeyFaults: readonly Fault[] = [
  killed(),
  restartedEmpty(),
  oldDump(),
  frozen(),
  outOfMemory(),
  subscribersKilled(),
  garbage(),
  laggingFailover(),
];
