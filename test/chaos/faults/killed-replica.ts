import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { Value } from '../../../gen/parameter/v1/parameter.ts';
import type { ParamdRpcError } from '../../../src/client/rpc-error.ts';
import { eventually } from '../../e2e/eventually.ts';
import { text, textOf } from '../../e2e/rpc.ts';
import type { Site, SiteReplica } from '../site.ts';
import { mustBeFelt } from './demands.ts';
import { judged } from './judged.ts';

/** At the least; from the start of the process until it says that it is ready. */
const READY_MS_MAX = 3000;
const DELIVERED_MS_MAX = 1500;
/** A write takes less by far; what is killed later than that was acknowledged before. */
const WRITE_MS = 12;

/** Each kill has a write of its own in flight, which is then tried again elsewhere: in the end it must be there once. */
export const killedWriting = judged({
  name: 'replica killed at random moments of a write',
  group: 'replica',
  async inject(site, scale, demand) {
    const kills = scale.times(200, 4);
    const prefix = 'fault:killed-writing:';
    let longestMs = 0;
    let acknowledged = 0;
    for (let kill = 0; kill < kills; kill++) {
      const victim = site.replicas[kill % site.replicas.length]!;
      const request = { key: `${prefix}${kill % 7}`, value: text(`${kill}`), requestId: `killed-writing-${kill}` };
      await connected(victim);
      const written = victim.direct.set(request).then(
        () => true,
        () => false,
      );
      await sleep(Math.random() * WRITE_MS);
      await victim.kill();
      if (await written) acknowledged++;
      else await tried(site.replicas[(kill + 1) % site.replicas.length]!, request);
      longestMs = Math.max(longestMs, await victim.start());
    }
    mustBeFelt(acknowledged < kills, 'every write was acknowledged before its replica was killed');
    site.note('kills', kills, 'count');
    site.note('writes acknowledged just before', acknowledged, 'count');
    site.note('ready again, longest', longestMs, 'ms');
    demand(longestMs <= READY_MS_MAX, `ready again after ${longestMs.toFixed(0)} ms, more than ${READY_MS_MAX}`);
    const log = await loggedValues(site, prefix);
    for (let kill = 0; kill < kills; kill++) {
      const times = log.filter((value) => value === `${kill}`).length;
      demand(times === 1, `C8: write ${kill} was done ${times} times`);
    }
  },
});

/** Killed with a commit that nobody was told of: what it publishes is lost on its way, and it does not live to poll. */
export const killedUnpublished = judged({
  name: 'replica killed between commit and publish',
  group: 'replica',
  async inject(site, scale, demand) {
    const kills = scale.times(50, 3);
    const store = new Client({ connectionString: site.postgres.url });
    store.on('error', () => {});
    await store.connect();
    let longestMs = 0;
    try {
      for (let kill = 0; kill < kills; kill++) {
        const victim = site.replicas[kill % site.replicas.length]!;
        longestMs = Math.max(longestMs, await killUnpublished(site, victim, kill, store));
      }
    } finally {
      await store.end();
    }
    site.note('kills', kills, 'count');
    site.note('delivered by the others, longest', longestMs, 'ms');
    demand(
      longestMs <= DELIVERED_MS_MAX,
      `the others delivered after ${longestMs.toFixed(0)} ms, more than ${DELIVERED_MS_MAX}`,
    );
  },
});

/** @returns ms from the commit until the watches of all others had it */
async function killUnpublished(site: Site, victim: SiteReplica, kill: number, store: Client): Promise<number> {
  const key = `fault:killed-unpublished:${kill}`;
  const others = site.replicas.filter((replica) => replica !== victim);
  const watches = others.map(({ direct }) => direct.watch({ keys: [key] }));
  try {
    await connected(victim);
    for (const watch of watches) await watch.begun();
    mustBeFelt(victim.links.valkey.connections > 0, `${victim.name} has no connection to Valkey`);
    victim.links.valkey.mode = 'blackhole';
    const writing = victim.direct.set({ key, value: text(`${kill}`) }).catch((error: ParamdRpcError) => error);
    await eventually(async () => {
      const { rows } = await store.query('SELECT 1 FROM paramd.current WHERE key = $1', [key]);
      return rows.length > 0;
    });
    const committedAtMs = site.nowMs();
    await victim.kill();
    await writing;
    await eventually(() => watches.every(({ events }) => events.length > 0));
    return site.nowMs() - committedAtMs;
  } finally {
    for (const watch of watches) watch.cancel();
    victim.links.valkey.mode = 'pass';
    if (!victim.running) await victim.start();
  }
}

/** A channel that lost its server fails calls before they leave; here they must be in flight. */
function connected({ direct }: SiteReplica): Promise<unknown> {
  return eventually(() =>
    direct.stats({}).then(
      () => true,
      () => false,
    ),
  );
}

/** As a client does that has a request id: again until it is told. */
async function tried(replica: SiteReplica, request: Parameters<SiteReplica['direct']['set']>[0]): Promise<void> {
  await eventually(() =>
    replica.direct.set(request).then(
      () => true,
      (error: ParamdRpcError) => {
        if (error.retryAfterMs === undefined && error.reason !== undefined) throw error;
        return false;
      },
    ),
  );
}

/** What was ever written below a prefix, oldest first. */
async function loggedValues(site: Site, prefix: string): Promise<string[]> {
  const client = new Client({ connectionString: site.postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ value: Buffer }>(
      'SELECT value FROM paramd.change WHERE starts_with(key, $1) ORDER BY revision, sub',
      [prefix],
    );
    return rows.map(({ value }) => textOf({ value: Value.decode(value) }));
  } finally {
    await client.end();
  }
}
