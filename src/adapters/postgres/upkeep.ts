import type { PoolClient } from 'pg';
import type { StoreUpkeep } from '../../ports/store.ts';
import type { Lane } from './lane.ts';

/** Of one statement, so that none holds anything for long. */
const ROWS_AT_ONCE = 5000;
const REQUEST_KEPT_US = 3_600_000_000;

/** Housekeeping on its own connection. An advisory lock keeps replicas from doing the same side by side. */
export function openUpkeep(lane: Lane, partitionRevisions: number): StoreUpkeep {
  return {
    compact: (historyMs) =>
      lane.use(async (client) => {
        const compactRevision = await number(client, 'SELECT paramd.raise_compaction($1) AS n', [
          Math.round(historyMs * 1000),
        ]);
        const dropped = await alone(client, 'compact', async () => {
          const partitions = await dropPartitions(client, compactRevision);
          return partitions + (await deleteChanges(client, compactRevision));
        });
        return { compactRevision, dropped: dropped ?? 0 };
      }, 'read'),
    trim: () =>
      lane.use(async (client) => {
        const counts = await alone(client, 'trim', async () => ({
          requests: await trimTable(client, 'request', 'principal, id'),
          batches: await trimTable(client, 'batch', 'id'),
        }));
        return counts ?? { requests: 0, batches: 0 };
      }, 'read'),
    extend: () => lane.use((client) => extend(client, partitionRevisions), 'read'),
  };
}

/** Room for at least one whole partition's revisions behind the head. start_epoch does the same for the next epoch. */
export async function extend(client: PoolClient, partitionRevisions: number): Promise<{ created: number }> {
  const created = await number(
    client,
    'SELECT paramd.extend(revision + 1, revision + 1 + 2 * $1::bigint, $1::bigint) AS n FROM paramd.head',
    [partitionRevisions],
  );
  return { created: Number(created) };
}

async function dropPartitions(client: PoolClient, compactRevision: bigint): Promise<number> {
  const { rows } = await client.query<{ name: string; detaching: boolean }>(
    'SELECT name, detaching FROM paramd.change_partition WHERE upper <= $1 ORDER BY lower',
    [String(compactRevision + 1n)],
  );
  let dropped = 0;
  for (const { name, detaching } of rows) {
    // The name comes quoted from the catalog. CONCURRENTLY stops no reader; FINALIZE ends what a crash left half done.
    await client.query(`ALTER TABLE paramd.change DETACH PARTITION ${name} ${detaching ? 'FINALIZE' : 'CONCURRENTLY'}`);
    dropped += Number(await number(client, `SELECT count(*) AS n FROM ${name}`));
  }
  // Also those that a crash left detached.
  const detached = await client.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class
    WHERE relnamespace = 'paramd'::regnamespace AND relkind = 'r' AND relname ~ '^change_\\d+$' AND NOT relispartition
      AND substr(relname, 8)::bigint <= $1`,
    [String(compactRevision)],
  );
  for (const { name } of detached.rows) await client.query(`DROP TABLE IF EXISTS ${name}`);
  return dropped;
}

async function deleteChanges(client: PoolClient, compactRevision: bigint): Promise<number> {
  let dropped = 0;
  for (;;) {
    const { rowCount } = await client.query(
      `DELETE FROM paramd.change WHERE revision <= $1 AND revision <= (
        SELECT max(revision) FROM (SELECT revision FROM paramd.change ORDER BY revision LIMIT $2) AS oldest)`,
      [String(compactRevision), ROWS_AT_ONCE],
    );
    dropped += rowCount ?? 0;
    if ((rowCount ?? 0) === 0) return dropped;
  }
}

async function trimTable(client: PoolClient, table: 'request' | 'batch', key: string): Promise<number> {
  let trimmed = 0;
  for (;;) {
    const { rowCount } = await client.query(
      `DELETE FROM paramd.${table} WHERE (${key}) IN (
        SELECT ${key} FROM paramd.${table} WHERE time_us <= paramd.now_us() - $1::bigint ORDER BY time_us LIMIT $2)`,
      [REQUEST_KEPT_US, ROWS_AT_ONCE],
    );
    trimmed += rowCount ?? 0;
    if ((rowCount ?? 0) === 0) return trimmed;
  }
}

/** Undefined: another replica is at it. */
async function alone<T>(client: PoolClient, work: string, run: () => Promise<T>): Promise<T | undefined> {
  const lock = `hashtextextended('paramd.${work}', 0)`;
  const { rows } = await client.query(`SELECT pg_try_advisory_lock(${lock}) AS got`);
  if (!rows[0].got) return undefined;
  // If it throws, the connection is released with the error or the lock here.
  try {
    return await run();
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${lock})`).catch(() => {});
  }
}

async function number(client: PoolClient, text: string, values: unknown[] = []): Promise<bigint> {
  const { rows } = await client.query<{ n: string }>(text, values);
  return BigInt(rows[0]!.n);
}
