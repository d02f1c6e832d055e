import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type { Client, QueryConfig } from 'pg';
import pg from 'pg';
import { StoreError } from '../../ports/store.ts';
import { classify, isDriverText } from './classify.ts';
import { endInTime } from './end-in-time.ts';
import type { PostgresConnection } from './endpoints.ts';
import { endpointsOf } from './endpoints.ts';

/** SQL files beside this one; a build has to copy them. */
const FOLDER = fileURLToPath(new URL('migrations', import.meta.url));
const SCHEMA = 'paramd';
const TABLE = 'migration';
const CONNECT_MS = 2000;
/** Of what is only looked at: a server that has fallen silent is tried again, and not waited for. */
const LOOK_MS = 3000;
/** For a replica that waits for another one's migrations. */
const LOCK_WAIT_MS = 300_000;

export type MigrationLog = (message: string, fields: Record<string, unknown>) => void;

/**
 * Brings the schema to what this program expects. Replicas may run it at once: one does it, the others wait for it.
 * Needs a direct connection (no transaction pooling: it holds a session lock) and a role that may create the schema.
 */
export async function migrate(connection: PostgresConnection, log: MigrationLog): Promise<{ applied: string[] }> {
  const client = await connectToPrimary(connection);
  try {
    const expected = await expectedMigrations();
    const present = await appliedMigrations(client);
    refuseNewer(expected, present);
    if (present.length === expected.length) return { applied: [] };
    const ran = await runner({
      dbClient: client,
      dir: FOLDER,
      direction: 'up',
      migrationsSchema: SCHEMA,
      migrationsTable: TABLE,
      createMigrationsSchema: true,
      advisoryLockMode: 'wait',
      logger: { debug: () => {}, info: () => {}, warn: (text) => log(text, {}), error: (text) => log(text, {}) },
    });
    const applied = ran.map(({ name }) => name);
    if (applied.length > 0) log('Migrated the schema', { applied });
    return { applied };
  } catch (error) {
    // What has no code and is not the driver's is the migration tool's own complaint, and that is about our files.
    if (error instanceof Error && !('code' in error) && !isDriverText(error.message)) {
      throw new StoreError('internal', error.message);
    }
    throw classify(error, 'read');
  } finally {
    await endInTime(() => client.end(), [client]).catch(() => {});
  }
}

/** Fails unless the schema is exactly the one that this program was written for. */
export async function checkSchema(read: (text: string) => Promise<{ name: string }[]>): Promise<void> {
  const applied = await read(`SELECT name FROM ${SCHEMA}.${TABLE} ORDER BY id`).catch((error: unknown) => {
    // What a database without our schema answers.
    if (error instanceof StoreError && error.message.endsWith('42P01')) return [];
    throw error;
  });
  const expected = await expectedMigrations();
  refuseNewer(expected, applied);
  const missing = expected.filter((name) => !applied.some((row) => row.name === name));
  if (missing.length > 0) {
    throw new StoreError('internal', `The database lacks ${missing.join(', ')}: run \`paramd migrate\` first`);
  }
}

function refuseNewer(expected: readonly string[], applied: readonly { name: string }[]): void {
  const unknown = applied.filter(({ name }) => !expected.includes(name)).map(({ name }) => name);
  if (unknown.length === 0) return;
  throw new StoreError('internal', `The database is newer than this program (${unknown.join(', ')}): upgrade paramd`);
}

async function expectedMigrations(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.slice(0, -'.sql'.length))
    .sort();
}

async function appliedMigrations(client: Client): Promise<{ name: string }[]> {
  const there = await client.query(look(`SELECT to_regclass('${SCHEMA}.${TABLE}') IS NOT NULL AS there`));
  if (!there.rows[0].there) return [];
  return (await client.query(look(`SELECT name FROM ${SCHEMA}.${TABLE} ORDER BY id`))).rows;
}

/** pg takes the timeout with the statement, too; its types do not say so. */
function look(text: string): QueryConfig & { readonly query_timeout: number } {
  return { text, query_timeout: LOOK_MS };
}

async function connectToPrimary(connection: PostgresConnection): Promise<Client> {
  const endpoints = endpointsOf(connection);
  for (let attempt = 1; ; attempt++) {
    const endpoint = endpoints.current();
    const client = new pg.Client({
      ...endpoint,
      application_name: 'paramd migrate',
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: LOCK_WAIT_MS,
      query_timeout: LOCK_WAIT_MS + LOOK_MS,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query(look('SELECT pg_is_in_recovery() AS standby'));
      if (!rows[0].standby) return client;
      throw new StoreError('unreachable', 'the server is a standby, not the primary');
    } catch (error) {
      await endInTime(() => client.end(), [client]).catch(() => {});
      endpoints.gone(endpoint);
      if (attempt >= endpoints.count) throw classify(error, 'connect');
    }
  }
}
