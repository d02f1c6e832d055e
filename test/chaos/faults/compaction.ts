import { Client } from 'pg';
import { openPostgresStore } from '../../../src/adapters/postgres/open-postgres-store.ts';
import { eventually } from '../../e2e/eventually.ts';
import { setOf, text } from '../../e2e/rpc.ts';
import type { WatchStream } from '../../e2e/watch-stream.ts';
import type { Site, SiteReplica } from '../site.ts';
import { mustBeFelt } from './demands.ts';
import { judged } from './judged.ts';

const PREFIX = 'fault:compaction:';
const VALUE_BYTES = 4000;
const VALUES = 20;
const WATCHES = 9;
const CATCH_UP_MS_MAX = 20_000;

/**
 * Watches begin far back, some reading on and some not, and while they catch up the log that they still need is dropped.
 * Each must have every revision from where it began, or as many as it got without a gap, and then be told.
 */
export const compactedUnderWatches = judged({
  name: 'compaction while watches catch up',
  group: 'watchers',
  async inject(site, scale, demand) {
    const store = await openPostgresStore({ connection: site.postgres.url });
    const told = { through: 0, compacted: 0 };
    try {
      for (let round = 0; round < scale.times(10, 2); round++) {
        const revisions = await writeHistory(site.replicas[0]!, scale.times(300, 60));
        const half = revisions[Math.floor(revisions.length / 2)]!;
        const watches = Array.from({ length: WATCHES }, (_, at) => {
          const replica = site.replicas[at % site.replicas.length]!;
          const watch = replica.direct.watch({ prefixes: [PREFIX], startRevision: revisions[0]! });
          if (at % 2 === 0) watch.pause();
          return watch;
        });
        await eventually(() => watches.some(({ events }) => events.length > 0));
        await ageRequests(site, half);
        const { compactRevision } = await store.upkeep.compact(0);
        mustBeFelt(compactRevision >= half, `compacted to ${compactRevision}, not to ${half}`);
        for (const watch of watches) watch.resume();
        for (const watch of watches) {
          const how = await endOf(watch, revisions.at(-1)!);
          if (how === 'through') told.through++;
          else if (how === 'OUT_OF_RANGE REVISION_COMPACTED') told.compacted++;
          else demand(false, `a watch ended with ${how}`);
          const missed = gapOf(watch, revisions, how === 'through');
          demand(missed === undefined, `C10: a watch that was ${how} has no ${missed}`);
          watch.cancel();
        }
        const late = site.replicas[round % site.replicas.length]!.direct.watch({
          prefixes: [PREFIX],
          startRevision: revisions[0]!,
        });
        const how = await endOf(late, revisions.at(-1)!);
        demand(how === 'OUT_OF_RANGE REVISION_COMPACTED', `a watch from a compacted revision was ${how}`);
        late.cancel();
      }
    } finally {
      await store.close();
    }
    site.note('watches that had everything', told.through, 'count');
    site.note('watches told of the compaction', told.compacted, 'count');
  },
});

/** Some megabytes of changes. @returns their revisions */
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
    return 'through';
  } catch {
    const { failure } = watch;
    return failure === undefined ? 'silent' : `${failure.status} ${failure.reason}`;
  }
}

/** @returns the first revision that is missing before one that came; of one that is through, before the last */
function gapOf({ events }: WatchStream, revisions: readonly bigint[], through: boolean): bigint | undefined {
  const seen = new Set(events.map(({ revision }) => revision));
  const newest = through ? revisions.at(-1)! : (events.at(-1)?.revision ?? 0n);
  return revisions.find((revision) => revision <= newest && !seen.has(revision));
}
