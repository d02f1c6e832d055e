import { setOf, text, textOf } from '../../e2e/rpc.ts';
import type { Site, SiteReplica } from '../site.ts';
import { startSiteReplica } from '../site-replica.ts';
import { mustBeFelt } from './demands.ts';

const CALLERS = 20;
/** Replicas with traffic load for that as well: with single-flight they are still far from a load for each caller. */
const BUSY_LOADS_PER_KEY_MAX = CALLERS / 4;

/** C12: many callers for each of some keys that no cache has, at once, at every replica. */
export interface Stampede {
  /** Has no other traffic, so that its loads can be counted. */
  readonly quiet: SiteReplica;
  /** Once: then the keys are not cold any more. @returns what did not hold */
  run(): Promise<readonly string[]>;
}

/** @param use what is done with it, before it is taken away again */
export async function withStampede(
  site: Site,
  keysCount: number,
  use: (stampede: Stampede) => Promise<void>,
): Promise<void> {
  const keys = Array.from({ length: keysCount }, (_, at) => `fault:cold:${at}`);
  await site.replicas[0]!.direct.commit({ operations: keys.map((key) => setOf(key, text(key))) });
  const closing: (() => Promise<void>)[] = [];
  try {
    const { postgres, valkey } = site;
    const addresses = { databaseUrl: postgres.url, valkeyUrl: valkey.server.url };
    const quiet = await startSiteReplica({ name: 'replica-quiet', ...addresses }, closing);
    await use({ quiet, run: () => stampede(site, quiet, keys) });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function stampede(site: Site, quiet: SiteReplica, keys: readonly string[]): Promise<readonly string[]> {
  const counts = await Promise.all([quiet, ...site.replicas].map((replica) => loadsOf(replica, keys)));
  const perKey = counts.map((loads) => loads / keys.length);
  site.tell(`loads per key, ${CALLERS} callers each: ${perKey.map((loads) => loads.toFixed(2)).join(', ')}`);
  mustBeFelt(
    counts.reduce((sum, loads) => sum + loads) >= keys.length,
    `${counts.join(', ')} loads of ${keys.length} keys`,
  );
  const [ofQuiet, ...ofBusy] = perKey as [number, ...number[]];
  site.note('loads per key and replica', ofQuiet, 'ratio');
  const busiest = Math.max(...ofBusy);
  return [
    ...(ofQuiet <= 1 ? [] : [`C12: ${ofQuiet} loads per key at a replica with no other traffic`]),
    ...(busiest <= BUSY_LOADS_PER_KEY_MAX
      ? []
      : [`C12: ${busiest} loads per key at a replica, its traffic's included`]),
  ];
}

async function loadsOf(replica: SiteReplica, keys: readonly string[]): Promise<number> {
  const before = await replica.metric('paramd_store_loads_total');
  await Promise.all(keys.flatMap((key) => Array.from({ length: CALLERS }, () => readCold(replica, key))));
  return (await replica.metric('paramd_store_loads_total')) - before;
}

async function readCold(replica: SiteReplica, key: string): Promise<void> {
  const { parameter } = await replica.direct.get({ key });
  if (textOf(parameter) !== key) throw new Error(`${replica.name} answered ${key} with "${textOf(parameter)}"`);
}
