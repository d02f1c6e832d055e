import { Pool } from 'pg';
import type { Peer } from './load.ts';

/** Prepared statements by pg on a table of key and value, with nothing around it. */
export interface BarePostgres {
  readonly select: Peer;
  readonly upsert: Peer;
  /** What the server says of its settings. */
  settings(names: readonly string[]): Promise<Record<string, string>>;
  close(): Promise<void>;
}

/** @param connections at most; further calls wait for one */
export async function openBarePostgres(
  url: string,
  keys: readonly string[],
  storedText: (index: number) => string,
  connections: number,
): Promise<BarePostgres> {
  const pool = new Pool({ connectionString: url, max: connections });
  pool.on('error', () => {});
  await pool.query(
    'CREATE TABLE IF NOT EXISTS bench (key text COLLATE "C" PRIMARY KEY, value text NOT NULL) WITH (fillfactor = 80)',
  );
  await pool.query('INSERT INTO bench SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING', [
    keys,
    keys.map((_, index) => storedText(index)),
  ]);
  await pool.query('ANALYZE bench');
  return {
    select: {
      name: 'pg SELECT',
      call: async (index) => {
        const values = [keys[index % keys.length]];
        const { rows } = await pool.query({ ...SELECT, values });
        if (rows.length !== 1) throw new Error('a row is missing');
        return undefined;
      },
    },
    upsert: {
      name: 'pg INSERT',
      call: async (index) => {
        await pool.query({ ...UPSERT, values: [keys[index % keys.length], storedText(index)] });
        return undefined;
      },
    },
    async settings(names) {
      const text = 'SELECT name, setting FROM pg_settings WHERE name = ANY($1)';
      const { rows } = await pool.query<{ name: string; setting: string }>(text, [names]);
      return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    },
    close: () => pool.end(),
  };
}

const SELECT = { name: 'bench_select', text: 'SELECT value FROM bench WHERE key = $1' };
const UPSERT = {
  name: 'bench_upsert',
  text: 'INSERT INTO bench VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
};
