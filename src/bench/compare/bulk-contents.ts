// Contents that would take an hour to write call by call: copies of one parameter, put into the tables by SQL.
import { Client } from 'pg';
import { fill, type World } from './world.ts';

const PREFIX = 'bench:';

/** Parameters bench:00000000 and on, in a database of its own. @returns what a replica on it needs to know */
export async function databaseOf(world: World, database: string, count: number): Promise<Record<string, string>> {
  await withClient(world.servers.postgres.url, (client) => client.query(`CREATE DATABASE ${database}`));
  const url = new URL(world.servers.postgres.url);
  url.pathname = `/${database}`;
  const env = { DATABASE_URL: url.href, PARAMD_JOBS: 'off', VALKEY_URL: '' };
  await withModel(world, env);
  await withClient(url.href, async (client) => {
    await client.query(
      `INSERT INTO paramd.current SELECT $1 || lpad(n::text, 8, '0'), kind, value, mod_revision, create_revision, version,
        create_time_us, update_time_us, updated_by, labels, cache_ttl_ns
      FROM paramd.current, generate_series(1, $2::integer - 1) AS n WHERE key = $1 || '00000000'`,
      [PREFIX, count],
    );
    await client.query('VACUUM ANALYZE paramd.current');
  });
  return env;
}

/** So many revisions more, each a write of one of 10,000 keys. @returns the first of them */
export async function longLog(world: World, revisions: number): Promise<number> {
  await withModel(world, { PARAMD_JOBS: 'off' });
  return withClient(world.servers.postgres.url, async (client) => {
    const { rows } = await client.query<{ head: string }>('SELECT revision AS head FROM paramd.head');
    const head = Number(rows[0]!.head);
    await client.query(
      `INSERT INTO paramd.change (revision, sub, batch_id, time_us, updated_by, key, deleted, kind, value, create_revision,
        version, create_time_us, labels, cache_ttl_ns)
      SELECT revision + n, 0, batch_id, time_us, updated_by, $1 || lpad((n % 10000)::text, 8, '0'), false, kind, value,
        revision + n, 1, create_time_us, labels, cache_ttl_ns
      FROM paramd.change, generate_series(1, $2::integer) AS n WHERE revision = $3 AND sub = 0`,
      [PREFIX, revisions, head],
    );
    await client.query('UPDATE paramd.head SET revision = revision + $1', [revisions]);
    await client.query('VACUUM ANALYZE paramd.change');
    return head + 1;
  });
}

/** One parameter, written as any is, by a replica that also makes the tables. */
async function withModel(world: World, env: Readonly<Record<string, string>>): Promise<void> {
  const replica = await world.replica(env);
  await fill(replica, { prefix: PREFIX, count: 1 }, world.signal);
  await replica.stop();
}

async function withClient<T>(url: string, action: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await action(client);
  } finally {
    await client.end();
  }
}
