import { eventually } from '../../e2e/eventually.ts';
import { told } from '../../e2e/rpc.ts';
import { query } from '../../e2e/watch-checker.ts';
import type { WatchStream } from '../../e2e/watch-stream.ts';
import type { Site } from '../site.ts';

/** That soon after a promotion the new epoch has begun, and every replica knows it. */
export const EPOCH_MS_MAX = 5000;
const LOST_COMMITS_MIN = 20;
const GIVE_UP_MS = 30_000;

export interface EpochRow {
  readonly number: string;
  readonly id: string;
  readonly start_revision: string;
  readonly lost_after: string;
}

/**
 * Commits that only the present primary has, and that a failover will lose. Each replica has applied them, cached them
 * and told them to a watch by then.
 */
export interface LostFuture {
  /** How many revisions. */
  readonly lost: number;
  /**
   * Resolves when every replica has taken over the epoch that the new primary is in.
   * @param promotedMs when the new primary took writes
   * @returns what should not be, for people
   */
  isGone(promotedMs: number): Promise<readonly string[]>;
}

/** @param kept head of the server that will be the primary */
export async function awaitLostFuture(site: Site, kept: () => Promise<bigint>): Promise<LostFuture> {
  const { postgres, replicas } = site;
  const watches = replicas.map(({ rpc }) => rpc.watch({ prefixes: [''] }));
  let keptRevision = 0n;
  await eventually(async () => {
    keptRevision = await kept();
    const [enough] = await revisionsAfter(postgres.url, keptRevision, LOST_COMMITS_MIN);
    return enough !== undefined && watches.every(({ revision }) => revision >= enough);
  }, GIVE_UP_MS);
  const keys = await keysAfter(postgres.url, keptRevision);
  const { id } = await newestEpoch(postgres.url);
  const changes = await epochChanges(site);
  return {
    lost: (await revisionsAfter(postgres.url, keptRevision, 1)).length,
    isGone: async (promotedMs) => {
      const wrong: string[] = [];
      await eventually(async () => (await newestEpoch(postgres.url)).id !== id, GIVE_UP_MS);
      noteMs(site, 'new epoch after promotion', performance.now() - promotedMs, wrong);
      const isKnown = async () => (await epochChanges(site)).every((count, at) => count > changes[at]!);
      await eventually(isKnown, GIVE_UP_MS);
      noteMs(site, 'new epoch known to every replica', performance.now() - promotedMs, wrong);
      const epoch = await newestEpoch(postgres.url);
      wrong.push(...(await cachedOf(site, keys, epoch)));
      wrong.push(...(await untold(watches, BigInt(epoch.lost_after))));
      for (const watch of watches) watch.cancel();
      return wrong;
    },
  };
}

function noteMs(site: Site, name: string, ms: number, wrong: string[]): void {
  site.note(name, ms, 'ms');
  if (ms > EPOCH_MS_MAX) wrong.push(`${name}: ${Math.round(ms)} ms, at most ${EPOCH_MS_MAX}`);
}

/** No answer shows what is lost, whatever tier it comes from. */
async function cachedOf({ replicas }: Site, keys: readonly string[], epoch: EpochRow): Promise<readonly string[]> {
  const answers = await Promise.all(
    replicas.flatMap(({ name, rpc }) =>
      keys.map(async (key) => {
        const { parameters } = await rpc.getMany({ keys: [key] });
        return parameters.map(({ revision }) => ({ name, key, revision }));
      }),
    ),
  );
  const isLost = (revision: bigint) => revision > BigInt(epoch.lost_after) && revision < BigInt(epoch.start_revision);
  return answers
    .flat()
    .filter(({ revision }) => isLost(revision))
    .map(({ name, key, revision }) => `${name} answered ${key} with revision ${revision}, which is lost`);
}

/** Each had been told of what is lost, so each must be told that it is. */
async function untold(watches: readonly WatchStream[], lostAfter: bigint): Promise<readonly string[]> {
  return (
    await Promise.all(
      watches.map(async (watch) => {
        if (watch.revision <= lostAfter) return [];
        const how = await Promise.race([watch.ended.then(told), elapsed(EPOCH_MS_MAX)]);
        return how === 'DATA_LOSS REVISION_LOST' ? [] : [`a watch that had been told of lost revisions: ${how}`];
      }),
    )
  ).flat();
}

function elapsed(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(resolve, ms, `not ended within ${ms} ms`).unref());
}

export async function headAt(url: string): Promise<bigint> {
  const [row] = await query<{ revision: string }>(url, 'SELECT revision FROM paramd.head');
  return BigInt(row!.revision);
}

export async function newestEpoch(url: string): Promise<EpochRow> {
  const [row] = await query<EpochRow>(
    url,
    'SELECT number, id, start_revision, lost_after FROM paramd.epoch ORDER BY number DESC LIMIT 1',
  );
  return row!;
}

/** Of each replica: how many epochs it has taken over since it runs. */
export function epochChanges({ replicas }: Site): Promise<number[]> {
  return Promise.all(replicas.map((replica) => replica.metric('paramd_epochs_started_total')));
}

/** Those behind it, but for the first ones. Revisions of different epochs lie far apart. */
async function revisionsAfter(url: string, revision: bigint, from: number): Promise<readonly bigint[]> {
  const rows = await query<{ revision: string }>(
    url,
    `SELECT DISTINCT revision FROM paramd.change WHERE revision > ${revision} ORDER BY revision OFFSET ${from - 1}`,
  );
  return rows.map((row) => BigInt(row.revision));
}

async function keysAfter(url: string, revision: bigint): Promise<readonly string[]> {
  const rows = await query<{ key: string }>(url, `SELECT DISTINCT key FROM paramd.change WHERE revision > ${revision}`);
  return rows.map(({ key }) => key);
}
