import { Client } from 'pg';
import { openPostgresStore } from '../../../src/adapters/postgres/open-postgres-store.ts';
import { setOf, text } from '../../e2e/rpc.ts';
import type { WatchStream } from '../../e2e/watch-stream.ts';
import type { Site, SiteReplica } from '../site.ts';
import { mustBeFelt } from './demands.ts';
import { judged } from './judged.ts';

const PREFIX = 'fault:compaction:';
const VALUE_BYTES = 8000;
const VALUES = 20;
/** Half of them are more than what a client that reads nothing takes in (16 responses of one commit each), and a queue. */
const COMMITS_MIN = 70;
const THROUGH = 'with everything';
const COMPACTED = 'with OUT_OF_RANGE REVISION_COMPACTED';
/** How a watch may end, by where it was. */
const POSSIBLE: Readonly<Record<string, readonly string[]>> = {
  behind: [COMPACTED],
  ahead: [THROUGH],
  racing: [THROUGH, COMPACTED],
  late: [COMPACTED],
};
/** Far less than half of what is written. */
const RING_BYTES = 1 << 20;
const CATCH_UP_MS_MAX = 20_000;

/**
 * Watches begin far back, and while they catch up the half of the log that some still need is dropped. Those that stopped
 * to read before it must be told, those that stopped behind it must not be, and those that just begin may find either.
 * Each must have every revision from where it began, up to the last, or without a gap as many as it got.
 */
export const compactedUnderWatches = judged({
  name: 'compaction while watches catch up',
  group: 'watchers',
  also: 'each watch has every revision, or no gap and then REVISION_COMPACTED; both happen',
  // What lies in memory needs no log.
  site: { settings: { PARAMD_WATCH_RING_BYTES: String(RING_BYTES) } },
  async inject(site, scale, demand) {
    const store = await openPostgresStore({ connection: site.postgres.url });
    const told = { through: 0, compacted: 0 };
    try {
      for (let round = 0; round < scale.times(10, 2); round++) {
        const revisions = await writeHistory(site.replicas[0]!, scale.times(100, COMMITS_MIN));
        const half = revisions[Math.floor(revisions.length / 2)]!;
        const behind = openAll(site, revisions);
        for (const watch of behind) watch.pause();
        const ahead = openAll(site, revisions);
        await Promise.all(ahead.map((watch) => stopAt(watch, revisions[Math.floor(revisions.length * 0.6)]!)));
        await ageRequests(site, half);
        const racing = openAll(site, revisions);
        const { compactRevision } = await store.upkeep.compact(0);
        mustBeFelt(compactRevision >= half, `compacted to ${compactRevision}, not to ${half}`);
        const late = openAll(site, revisions);
        for (const watch of [...behind, ...ahead]) watch.resume();
        for (const [kind, watches] of Object.entries({ behind, ahead, racing, late })) {
          for (const watch of watches) {
            const how = await endOf(watch, revisions.at(-1)!);
            if (how === THROUGH) told.through++;
            if (how === COMPACTED) told.compacted++;
            demand(POSSIBLE[kind]!.includes(how), `a watch that was ${kind} at the compaction ended ${how}`);
            const missed = gapOf(watch, revisions, how === THROUGH);
            demand(missed === undefined, `C10: a watch that was ${kind} and ended ${how} has no ${missed}`);
            watch.cancel();
          }
        }
      }
    } finally {
      await store.close();
    }
    site.note('watches that had everything', told.through, 'count');
    site.note('watches told of the compaction', told.compacted, 'count');
  },
});

function openAll({ replicas }: Site, revisions: readonly bigint[]): WatchStream[] {
  return replicas.map(({ direct }) => direct.watch({ prefixes: [PREFIX], startRevision: revisions[0]! }));
}

async function stopAt(watch: WatchStream, revision: bigint): Promise<void> {
  await watch.reached(revision);
  watch.pause();
}

/** @returns their revisions */
async function writeHistory({ direct }: SiteReplica, commits: number): Promise<bigint[]> {
  const revisions: bigint[] = [];
  for (let commit = 0; commit < commits; commit++) {
    // No two writes of a run share a value.
    const value = text(`${performance.now()} ${'x'.repeat(VALUE_BYTES)}`);
    const operations = Array.from({ length: VALUES }, (_, at) => setOf(`${PREFIX}${at}`, value));
    revisions.push((await direct.commit({ operations })).revision);
  }
  return revisions;
}

/** As after an hour: what keeps the log from being dropped until then is that a retry may still ask for its outcome. */
async function ageRequests(site: Site, upTo: bigint): Promise<void> {
  const client = new Client({ connectionString: site.postgres.url });
  await client.connect();
  try {
    await client.query('UPDATE paramd.request SET time_us = time_us - 7200000000 WHERE revision <= $1', [String(upTo)]);
  } finally {
    await client.end();
  }
}

async function endOf(watch: WatchStream, last: bigint): Promise<string> {
  try {
    await watch.reached(last, CATCH_UP_MS_MAX);
    return THROUGH;
  } catch {
    const { failure } = watch;
    return failure === undefined ? 'nowhere' : `with ${failure.status} ${failure.reason}`;
  }
}

/** @returns the first revision that is missing before one that came; of one that is through, before the last */
function gapOf({ events }: WatchStream, revisions: readonly bigint[], through: boolean): bigint | undefined {
  const seen = new Set(events.map(({ revision }) => revision));
  const newest = through ? revisions.at(-1)! : (events.at(-1)?.revision ?? 0n);
  return revisions.find((revision) => revision <= newest && !seen.has(revision));
}
