import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { Value } from '../../../gen/parameter/v1/parameter.ts';
import { quantile } from '../../../src/bench/quantile.ts';
import type { ParamdRpcError } from '../../../src/client/rpc-error.ts';
import { eventually } from '../../e2e/eventually.ts';
import { text, textOf } from '../../e2e/rpc.ts';
import type { Site, SiteReplica } from '../site.ts';
import { mustBeFelt } from './demands.ts';
import { judged } from './judged.ts';

/** From the start of the process until it says that it is ready. */
const READY_MS_MAX = 3000;
/** Of the kills of a campaign. The rest, and CI, is late by what cores are that run all there is, and others use as well. */
const READY_SHARE = 0.99;
const READY_LATE_MS_MAX = 3000;
/** In CI, where each of these seconds counts. */
const KILLS_CI = 6;
const DELIVERED_MS_MAX = 1500;
/** At once on the replica that is killed, each over and over: there is always one of each in flight. */
const WRITERS = 4;
/** Many writes long, so that the kill comes at any moment of theirs. */
const WRITING_MS = 60;

interface FaultWrite {
  /** Of the request, and what it sets. */
  readonly id: string;
  readonly key: string;
}

/** What a kill leaves in flight is tried again elsewhere: in the end every write must be there once. */
export const killedWriting = judged({
  name: 'replica killed at random moments of a write',
  group: 'replica',
  also: `ready again ≤ ${READY_MS_MAX} ms (${READY_SHARE * 100} % of times; the machine may add ${READY_LATE_MS_MAX}); each write that the kill cut off is tried again elsewhere, and is there once`,
  async inject(site, scale, demand) {
    const kills = scale.short ? KILLS_CI : 200;
    const prefix = 'fault:killed-writing:';
    const done: string[] = [];
    const counts = { cut: 0, committed: 0 };
    const readyMs: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const victim = site.replicas[kill % site.replicas.length]!;
      await connected(victim);
      const writers = Array.from({ length: WRITERS }, (_, at) => startWriter(victim, prefix, `${kill}.${at}`));
      await eventually(() => writers.every(({ acknowledged }) => acknowledged.length > 0));
      await sleep(Math.random() * WRITING_MS);
      await victim.kill();
      const cut = await Promise.all(writers.map(({ cutOff }) => cutOff));
      const logged = new Set(await loggedValues(site, `${prefix}${kill}.`));
      counts.cut += cut.length;
      counts.committed += cut.filter(({ id }) => logged.has(id)).length;
      const other = site.replicas[(kill + 1) % site.replicas.length]!;
      for (const write of cut) await tried(other, write);
      done.push(...[...writers.flatMap(({ acknowledged }) => acknowledged), ...cut].map(({ id }) => id));
      readyMs.push(await victim.start());
    }
    site.note('kills', kills, 'count');
    site.note('writes cut off', counts.cut, 'count');
    site.note('of these, committed all the same', counts.committed, 'count');
    readyMs.sort((a, b) => a - b);
    site.note('ready again, median', quantile(readyMs, 0.5), 'ms');
    site.note('ready again, longest', readyMs.at(-1)!, 'ms');
    mustBeFelt(
      counts.committed > 0 && counts.committed < counts.cut,
      `cut off before and after the commit: ${JSON.stringify(counts)}`,
    );
    const inTime = readyMs.filter((ms) => ms <= READY_MS_MAX).length;
    demand(
      scale.short || inTime >= kills * READY_SHARE,
      `ready again within ${READY_MS_MAX} ms only ${inTime} times of ${kills}`,
    );
    const lateMsMax = READY_MS_MAX + READY_LATE_MS_MAX;
    demand(readyMs.at(-1)! <= lateMsMax, `ready again after ${readyMs.at(-1)!.toFixed(0)} ms, more than ${lateMsMax}`);
    const times = Map.groupBy(await loggedValues(site, prefix), (value) => value);
    for (const value of done) {
      const count = times.get(value)?.length ?? 0;
      demand(count === 1, `C8: write ${value} was done ${count} times`);
    }
  },
});

/** Killed with a commit that nobody was told of: what it publishes is lost on its way, and it does not live to poll. */
export const killedUnpublished = judged({
  name: 'replica killed between commit and publish',
  group: 'replica',
  also: `watches of the others are told ≤ ${DELIVERED_MS_MAX} ms after the commit`,
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

/** Writes one after the other until one is not answered any more; an error with a reason would be an answer. */
function startWriter({ direct }: SiteReplica, prefix: string, name: string) {
  const acknowledged: FaultWrite[] = [];
  const writing = async (): Promise<FaultWrite> => {
    for (let count = 0; ; count++) {
      const write = { id: `${name}.${count}`, key: `${prefix}${name}` };
      const error = await direct.set(requestOf(write)).then(
        () => undefined,
        (thrown: ParamdRpcError) => thrown,
      );
      if (error?.reason !== undefined) throw error;
      if (error !== undefined) return write;
      acknowledged.push(write);
    }
  };
  const cutOff = writing();
  cutOff.catch(() => {});
  return { acknowledged, cutOff };
}

function requestOf({ id, key }: FaultWrite) {
  return { key, value: text(id), requestId: `killed-writing-${id}` };
}

/** As a client does that has a request id: again until it is told. */
async function tried({ direct }: SiteReplica, write: FaultWrite): Promise<void> {
  await eventually(() =>
    direct.set(requestOf(write)).then(
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
