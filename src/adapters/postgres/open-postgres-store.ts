import type { Epoch } from '../../model/revision.ts';
import type { Installation, Store } from '../../ports/store.ts';
import { commitBatch } from './commit-batch.ts';
import type { PostgresConnection } from './endpoints.ts';
import { endpointsOf } from './endpoints.ts';
import type { Lane } from './lane.ts';
import { forsake, openLane } from './lane.ts';
import { checkSchema } from './migrate.ts';
import { readEntry, readLog } from './read-log.ts';
import { listParameters, readHead, readParameters } from './read-parameters.ts';
import { startEpoch } from './start-epoch.ts';
import { extend, openUpkeep } from './upkeep.ts';

export interface PostgresStoreOptions {
  readonly connection: PostgresConnection;
  /** Connections for reads; four more are for writes, the tailer (two) and upkeep. Default 8. */
  readonly poolMax?: number;
  readonly timeouts?: Partial<PostgresTimeouts>;
  /** Revisions in one partition of the log: the least that compaction drops at once. Default 1,000,000. */
  readonly partitionRevisions?: number;
  readonly log?: (message: string, fields: Record<string, unknown>) => void;
}

/** Of one statement; the client gives up half a second after the server should have. */
export interface PostgresTimeouts {
  readonly connectMs: number;
  readonly tailerMs: number;
  readonly readMs: number;
  readonly writeMs: number;
  readonly upkeepMs: number;
}

// A batch takes milliseconds. What is sent on a connection whose other end has gone keeps all writes waiting for so long.
const TIMEOUTS: PostgresTimeouts = { connectMs: 2000, tailerMs: 1000, readMs: 3000, writeMs: 3000, upkeepMs: 60_000 };
const POOL_MAX = 8;
const PARTITION_REVISIONS = 1_000_000;

export interface PostgresStore extends Store {
  /** Of the pool for reads. */
  poolUse(): { readonly total: number; readonly idle: number; readonly waiting: number };
}

/** The store on a PostgreSQL that is migrated. Fails with StoreError if it is not, or cannot be reached. */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const partitionRevisions = options.partitionRevisions ?? PARTITION_REVISIONS;
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const endpoints = endpointsOf(options.connection);
  const lane = (name: string, connectionsMax: number, statementMs: number) =>
    openLane({
      name,
      endpoints,
      connectionsMax,
      statementMs,
      connectMs: Math.min(timeouts.connectMs, statementMs),
      log: options.log ?? (() => {}),
    });
  const reads = lane('reads', options.poolMax ?? POOL_MAX, timeouts.readMs);
  const writes = lane('writes', 1, timeouts.writeMs);
  // Two, so that a long page of the log does not hold up the head reads that prove freshness.
  const tailer = lane('tailer', 2, timeouts.tailerMs);
  const upkeep = lane('upkeep', 1, timeouts.upkeepMs);
  const close = async () => {
    await Promise.all([reads, writes, tailer, upkeep].map((each) => each.close()));
  };
  const ready = async () => {
    await checkSchema((text) => reads.answer({ text }, (rows: { name: string }[]) => rows));
    await upkeep.use((client) => extend(client, partitionRevisions), 'read');
  };
  await ready().catch(async (error: unknown) => {
    await close();
    throw error;
  });

  return {
    installation: () => readInstallation(reads),
    // Where they are begun: they tell which server is the primary.
    epochs: () => readEpochs(writes),
    readHead: () => readHead(tailer),
    read: (keys, limits) => readParameters(reads, keys, limits),
    list: (range) => listParameters(reads, range),
    readLog: (request) => readLog(request.lane === 'tailer' ? tailer : reads, request),
    readEntry: (revision) => readEntry(reads, revision),
    commit: (batch, expected) =>
      commitBatch(writes, batch, expected, {
        retryMs: timeouts.writeMs,
        extend: () => writes.use((client) => extend(client, partitionRevisions), 'read'),
      }),
    startEpoch: (expected, lostAfter, seen) =>
      writes.use((client) => startEpoch(client, { expected, lostAfter, seen, partitionRevisions }), 'read'),
    forsake,
    upkeep: openUpkeep(upkeep, partitionRevisions),
    poolUse: () => reads.connections(),
    close,
  };
}

interface InstallationRow {
  id: string;
  secret: Buffer;
  version: string;
  host: string | null;
  port: number | null;
  database: string;
}

function readInstallation(lane: Lane): Promise<Installation> {
  const text = `
    SELECT id, secret, current_setting('server_version') AS version, host(inet_server_addr()) AS host,
      inet_server_port() AS port, current_database() AS database
    FROM paramd.installation`;
  return lane.answer({ text }, (rows: InstallationRow[]) => {
    const { id, secret, version, host, port, database } = rows[0]!;
    const place = host === null ? 'a local socket' : `${host}:${port}`;
    return { id, secret, description: `PostgreSQL ${version.split(' ')[0]} at ${place}/${database}` };
  });
}

interface EpochRow {
  number: string;
  id: string;
  start_revision: string;
  lost_after: string;
  incarnation: string;
}

function readEpochs(lane: Lane): Promise<readonly Epoch[]> {
  const text = 'SELECT number, id, start_revision, lost_after, incarnation FROM paramd.epoch ORDER BY number';
  return lane.answer({ text }, (rows: EpochRow[]) =>
    rows.map((row) => ({
      number: BigInt(row.number),
      id: row.id,
      startRevision: BigInt(row.start_revision),
      lostAfter: BigInt(row.lost_after),
      incarnation: row.incarnation,
    })),
  );
}
