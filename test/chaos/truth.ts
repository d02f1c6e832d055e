/**
 * Problem: what really was committed must be known at the end of a run, independently of every replica. By then
 * compaction may have dropped a part of the log, and a failover may have left another part on a server that is dead.
 * Naive: read the log when the run is over. Chosen: the log of each server that is the primary is copied out of it,
 * straight and all the time; at the end every former primary is read once more, and if it is dead, started for that.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { Value } from '../../gen/parameter/v1/parameter.ts';
import type { TrueEvent, Truth } from '../history/history.ts';
import type { TestServer } from '../support/servers.ts';
import { type EpochRow, erasOf, type ServerLog } from './eras.ts';
import { recordedValue } from './recorded-value.ts';
import type { SitePostgres } from './site.ts';

const LOOK_MS = 100;
const READ_MS_MAX = 10_000;

interface ReadLog extends ServerLog {
  newest: bigint;
}

interface ChangeRow {
  revision: string;
  batch_id: string;
  key: string;
  deleted: boolean;
  value: Buffer | null;
  create_revision: string | null;
  version: string | null;
  previous_value: Buffer | null;
  previous_revision: string | null;
}

export interface TruthReader {
  /** The newest revision at the present primary, read now. */
  head(): Promise<bigint>;
  /** Reads what is still missing. No more writes come. */
  finish(): Promise<Truth>;
  stop(): Promise<void>;
}

export function followTruth(postgres: SitePostgres): TruthReader {
  const logs = new Map<TestServer, ReadLog>();
  let stopped = false;

  const logOf = (server: TestServer): ReadLog => {
    const log = logs.get(server) ?? { entries: new Map(), epochs: [], newest: 0n };
    logs.set(server, log);
    return log;
  };

  async function follow(): Promise<void> {
    while (!stopped) {
      const { primary } = postgres;
      // A fault may have it in any state; what cannot be read now is read later.
      await connected(primary, async (client) => {
        while (!stopped && postgres.primary === primary) {
          await readOn(client, logOf(primary));
          await sleep(LOOK_MS);
        }
      }).catch(() => sleep(LOOK_MS));
    }
  }

  const following = follow();
  const stop = () => {
    stopped = true;
    return following;
  };
  return {
    stop,
    head: () => connected(postgres.primary, headOf),
    finish: async () => {
      await stop();
      for (const { server } of postgres.primaries) await readWhole(server, logOf(server), server === postgres.primary);
      return { eras: erasOf(postgres.primaries.map(({ server, untilMs }) => ({ log: logOf(server), untilMs }))) };
    },
  };
}

/** Ends what a stalled server holds up. */
async function connected<T>(server: TestServer, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: server.url,
    connectionTimeoutMillis: READ_MS_MAX,
    query_timeout: READ_MS_MAX,
    application_name: 'chaos truth',
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}

async function readOn(client: Client, log: ReadLog): Promise<void> {
  const epochs = await client.query<EpochRow>('SELECT number, id, start_revision FROM paramd.epoch ORDER BY number');
  log.epochs = epochs.rows;
  const { rows } = await client.query<ChangeRow>(
    `SELECT revision, batch_id, key, deleted, value, create_revision, version, previous_value, previous_revision
     FROM paramd.change WHERE revision > $1 ORDER BY revision, sub`,
    [String(log.newest)],
  );
  const added = new Map<bigint, { revision: bigint; batchId: string; events: TrueEvent[] }>();
  for (const row of rows) {
    const revision = BigInt(row.revision);
    const entry = added.get(revision) ?? { revision, batchId: row.batch_id, events: [] };
    added.set(revision, entry);
    entry.events.push(toEvent(row));
  }
  for (const [revision, entry] of added) {
    log.entries.set(revision, entry);
    log.newest = revision;
  }
}

async function headOf(client: Client): Promise<bigint> {
  const { rows } = await client.query<{ revision: string }>('SELECT revision FROM paramd.head');
  return BigInt(rows[0]!.revision);
}

async function readWhole(server: TestServer, log: ReadLog, isPrimary: boolean): Promise<void> {
  const read = () => connected(server, (client) => readOn(client, log));
  if (isPrimary) return read();
  try {
    await read();
  } catch {
    // Dead, which nobody relies on any more.
    await server.start();
    await read();
  }
}

function toEvent(row: ChangeRow): TrueEvent {
  return {
    key: row.key,
    type: row.deleted ? 'delete' : 'put',
    value: row.value === null ? '' : stored(row.key, row.value),
    previous:
      row.previous_revision === null
        ? undefined
        : { value: stored(row.key, row.previous_value!), revision: BigInt(row.previous_revision) },
    createRevision: BigInt(row.create_revision ?? 0),
    version: BigInt(row.version ?? 0),
  };
}

function stored(key: string, encoded: Buffer): string {
  return recordedValue(key, Value.decode(encoded));
}
