import pg from 'pg';
import { migrate } from '../../../src/adapters/postgres/migrate.ts';
import type { PostgresStore, PostgresStoreOptions } from '../../../src/adapters/postgres/open-postgres-store.ts';
import { openPostgresStore } from '../../../src/adapters/postgres/open-postgres-store.ts';
import type { StoreSubject } from '../../contract/store-subject.ts';
import { freshDatabase } from '../../support/servers.ts';

export interface PostgresSubject extends StoreSubject {
  readonly store: PostgresStore;
  readonly url: string;
  /** Past the store, to see and to break. */
  readonly sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  /** Another replica's store on the same database. */
  another(options?: Partial<PostgresStoreOptions>): Promise<PostgresStore>;
}

/** A store on a new database of the run's server. */
export async function openSubject(options: Partial<PostgresStoreOptions> = {}): Promise<PostgresSubject> {
  const database = await freshDatabase();
  const subject = await openSubjectAt(database.url, options);
  return {
    ...subject,
    close: async () => {
      await subject.close();
      await database.drop();
    },
  };
}

export async function openSubjectAt(
  url: string,
  options: Partial<PostgresStoreOptions> = {},
): Promise<PostgresSubject> {
  await migrate(url, () => {});
  const stores: PostgresStore[] = [];
  const another = async (more: Partial<PostgresStoreOptions> = {}) => {
    const store = await openPostgresStore({ connection: url, ...options, ...more });
    stores.push(store);
    return store;
  };
  const store = await another();
  const sql = (text: string, values?: unknown[]) => runSql(url, text, values);
  return {
    store,
    url,
    sql,
    another,
    age: async (ms) => {
      const older = Math.round(ms * 1000);
      for (const table of ['change', 'request', 'batch']) {
        await sql(`UPDATE paramd.${table} SET time_us = time_us - ${older}`);
      }
    },
    close: async () => {
      await Promise.all(stores.map((each) => each.close()));
    },
  };
}

export async function runSql(url: string, text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

/** Again until it works: connections that died are replaced, a recovery ends. */
export async function untilDone<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
