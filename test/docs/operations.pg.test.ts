import { expect } from 'chai';
import { type Fleet, startFleet } from '../e2e/replicas.ts';
import { consistency, failureOf, int, told } from '../e2e/rpc.ts';
import { query } from '../e2e/watch-checker.ts';
import { freshDatabase } from '../support/servers.ts';
import { block, commands } from './blocks.ts';

describe('the statements of operations.md', function () {
  this.timeout(60_000);
  /** Of the superuser, in another database. */
  let administrator: string;
  let drop: () => Promise<void>;
  const name = `paramd_${process.pid}`;
  const copy = `${name}_copy`;
  let fleet: Fleet | undefined;

  before(async () => {
    ({ url: administrator, drop } = await freshDatabase());
    for (const statement of block('docs/operations.md', 'CREATE ROLE paramd').split('\n')) {
      await query(administrator, statement.replaceAll('paramd', name));
    }
  });
  after(async () => {
    await fleet?.close();
    for (const database of [name, copy]) await query(administrator, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await query(administrator, `DROP ROLE ${name}`);
    await drop();
  });

  it('make a role that needs no more', async () => {
    await write(name, 3);
    const [role] = await query<Record<string, boolean>>(
      url(name),
      'SELECT * FROM pg_roles WHERE rolname = current_user',
    );
    expect(role).to.include({ rolname: name, rolsuper: false, rolcreatedb: false, rolcreaterole: false });
  });

  it('show the largest tables', async () => {
    const tables = await query<{ relname: string; pg_size_pretty: string }>(
      url(name),
      block('docs/operations.md', 'SELECT relname, pg_size_pretty'),
    );
    expect(tables.map(({ relname }) => relname)).to.include.members(['current', 'head', 'epoch']);
    expect(tables[0]?.pg_size_pretty).to.match(/^\d+ kB$/);
  });

  it('back up every schema that there is', async () => {
    const [dump = ''] = commands(block('docs/operations.md', 'pg_dump --dbname='));
    const schemas = await query<{ nspname: string }>(
      url(name),
      "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|public$)' ORDER BY nspname",
    );
    expect([...dump.matchAll(/--schema=(\w+)/g)].map(([, schema]) => schema)).to.deep.equal(
      schemas.map(({ nspname }) => nspname),
    );
  });

  // The embedded PostgreSQL has neither pg_dump nor pg_restore: a copy of the database stands in for what they make.
  it('restore to the same server, without issuing a revision again', async () => {
    await query(administrator, `CREATE DATABASE ${copy} TEMPLATE ${name} OWNER ${name}`);
    const known = await write(name, 2);
    const [dropSchemas = '', restore, startEpoch = '', ...others] = commands(
      block('docs/operations.md', `psql "$DATABASE_URL" -c 'DROP SCHEMA`),
    );
    expect(others).to.deep.equal([]);
    expect(commands(block('docs/operations.md', 'pg_restore --dbname='))).to.deep.equal([restore, 'paramd serve']);

    await query(url(name), statementOf(dropSchemas));
    expect(await query(url(name), "SELECT 1 FROM pg_namespace WHERE nspname ~ '^paramd'")).to.deep.equal([]);

    await query(url(copy), statementOf(startEpoch));
    const written = await write(copy, 1);
    expect(written > known + 1_000_000n, `${written} behind ${known}`).to.equal(true);
    const epochs = await query<Record<string, unknown>>(
      url(copy),
      block('docs/operations.md', 'SELECT number, start_'),
    );
    expect(epochs.map(({ number, lost_after }) => [number, lost_after])).to.deep.equal([
      ['0', '0'],
      ['1', '3'],
    ]);
  });

  it('tell clients that a revision is lost', async () => {
    fleet = await startFleet({ count: 1, databaseUrl: url(copy) });
    const call = fleet.replicas[0]!.get({ key: 'a', consistency: consistency({ atLeastRevision: 5n }) });
    expect(told(await failureOf(call))).to.equal('DATA_LOSS REVISION_LOST');
  });

  function url(database: string): string {
    const own = new URL(administrator);
    Object.assign(own, { username: name, password: '…', pathname: `/${database}` });
    return own.href;
  }

  /** @returns the revision of the last one */
  async function write(database: string, times: number): Promise<bigint> {
    fleet = await startFleet({ count: 1, databaseUrl: url(database), settings: { PARAMD_JOBS: 'on' } });
    let revision = 0n;
    for (let at = 1; at <= times; at++) {
      revision = (await fleet.replicas[0]!.set({ key: 'a', value: int(at) })).parameter!.revision;
    }
    await fleet.close();
    fleet = undefined;
    return revision;
  }
});

/** What psql is told to run. */
function statementOf(command: string): string {
  const [, statement = ''] = /^psql "\$DATABASE_URL" -c '([^']+)'$/.exec(command) ?? [];
  return statement;
}
