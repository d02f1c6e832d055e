import { Pool } from 'pg';
import { WrongAnswer } from './dialect.ts';
import { keyAt, pickerOf, textAt } from './keys.ts';
import { type Load, ONE } from './load.ts';
import type { PostgresOrder } from './load-order.ts';

const CREATE =
  'CREATE TABLE IF NOT EXISTS bare (key text COLLATE "C" PRIMARY KEY, value text NOT NULL) WITH (fillfactor = 80)';
const FILL = 'INSERT INTO bare SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING';
const SELECT = { name: 'bare_select', text: 'SELECT value FROM bare WHERE key = $1' };
const UPSERT = {
  name: 'bare_upsert',
  text: 'INSERT INTO bare VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
};

/** Prepared statements by pg on a table of key and value, with nothing around it. */
export async function openPostgresLoad({ url, operation, connections, keys }: PostgresOrder): Promise<Load> {
  const pool = new Pool({ connectionString: url, max: connections });
  pool.on('error', () => {});
  const names = Array.from({ length: keys.count }, (_, index) => keyAt(keys, index));
  await pool.query(CREATE);
  await pool.query(FILL, [names, names.map((_, index) => textAt(index))]);
  await pool.query('ANALYZE bare');
  const pick = pickerOf(keys);
  const calls = {
    select: async (index: number) => {
      const { rows } = await pool.query({ ...SELECT, values: [names[pick(index)]] });
      if (rows.length !== 1) throw new WrongAnswer('a row is missing');
      return ONE;
    },
    upsert: async (index: number) => {
      await pool.query({ ...UPSERT, values: [names[pick(index)], textAt(index)] });
      return ONE;
    },
  };
  return { call: calls[operation], close: () => pool.end() };
}
