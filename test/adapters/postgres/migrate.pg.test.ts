import { expect } from 'chai';
import { Client } from 'pg';
import { migrate } from '../../../src/adapters/postgres/migrate.ts';
import { openPostgresStore } from '../../../src/adapters/postgres/open-postgres-store.ts';
import { failure } from '../../contract/store-subject.ts';
import { eventually } from '../../e2e/eventually.ts';
import { startProxy } from '../../support/proxy.ts';
import type { TestDatabase } from '../../support/servers.ts';
import { freshDatabase } from '../../support/servers.ts';
import { runSql } from './postgres-subject.ts';

describe('migrations', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await freshDatabase();
  });
  afterEach(() => database.drop());

  const quiet = () => {};

  it('run once, though several replicas start together', async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => migrate(database.url, quiet)));
    const applied = results.map((result) => result.applied.length).sort();
    expect(applied.slice(0, 3)).to.deep.equal([0, 0, 0]);
    expect(applied[3]).to.be.greaterThan(0);
    const store = await openPostgresStore({ connection: database.url });
    expect((await store.epochs()).length).to.equal(1);
    await store.close();
    expect((await migrate(database.url, quiet)).applied).to.deep.equal([]);
  });

  it('that are missing are named when a store is opened', async () => {
    const none = await failure(openPostgresStore({ connection: database.url }));
    expect(none.message).to.match(/lacks 0001_tables, .*paramd migrate/);
    await migrate(database.url, quiet);
    await runSql(database.url, `DELETE FROM paramd.migration WHERE name = '0005_upkeep'`);
    const one = await failure(openPostgresStore({ connection: database.url }));
    expect(one.message).to.match(/lacks 0005_upkeep: run/);
  });

  it('of a newer program are refused', async () => {
    await migrate(database.url, quiet);
    await runSql(database.url, `INSERT INTO paramd.migration (name, run_on) VALUES ('9999_future', now())`);
    for (const attempt of [openPostgresStore({ connection: database.url }), migrate(database.url, quiet)]) {
      expect((await failure(attempt)).message).to.match(/newer than this program \(9999_future\): upgrade/);
    }
  });

  it('leave replicas of the version before, which call paramd.apply, what they write with', async () => {
    await migrate(database.url, quiet);
    const store = await openPostgresStore({ connection: database.url });
    try {
      const { revision, epoch } = await store.readHead();
      const [done] = await runSql(
        database.url,
        `SELECT refusal, to_revision FROM paramd.apply('theirs', $1, $2, '', '{}', '{}', '{}', '{}', '{0}', '{0}', '{f}',
          '{a}', '{NULL}', '{f}', '{string_value}', '\\x0a0178', '{1}', '{3}', '{NULL}', '{NULL}', '{NULL}', '{me}', '{f}',
          '{NULL}', '{NULL}', '{NULL}')`,
        [epoch.id, String(revision)],
      );
      expect(done).to.deep.equal({ refusal: null, to_revision: String(revision + 1n) });
      expect((await store.readEntry(revision + 1n))?.batchId).to.equal('theirs');
    } finally {
      await store.close();
    }
  });

  it('do not wait for a server that has fallen silent, before or after it took the connection', async function () {
    this.timeout(15_000);
    await migrate(database.url, quiet);
    const link = await startProxy(Number(new URL(database.url).port));
    const blocker = new Client({ connectionString: database.url });
    await blocker.connect();
    try {
      link.mode = 'blackhole';
      const unanswered = await failure(migrate(link.through(database.url), quiet));
      link.mode = 'pass';
      await blocker.query('BEGIN; LOCK TABLE paramd.migration');
      const silent = failure(migrate(link.through(database.url), quiet));
      await eventually(async () => {
        const { rowCount } = await blocker.query(
          `SELECT 1 FROM pg_locks WHERE relation = 'paramd.migration'::regclass AND NOT granted`,
        );
        return rowCount! > 0;
      });
      link.mode = 'blackhole';
      for (const { kind } of [unanswered, await silent]) expect(kind).to.equal('unreachable');
    } finally {
      await blocker.end();
      await link.close();
    }
  });

  it('end, though the server has fallen silent after the last of them', async () => {
    const link = await startProxy(Number(new URL(database.url).port));
    try {
      const { applied } = await migrate(link.through(database.url), (message) => {
        expect(message).to.equal('Migrated the schema');
        link.mode = 'freeze';
      });
      expect(link.mode).to.equal('freeze');
      expect(applied.length).to.be.greaterThan(0);
    } finally {
      await link.close();
    }
  });

  it('by connection fields instead of a string', async () => {
    const { hostname, port, username, password, pathname } = new URL(database.url);
    const connection = {
      host: hostname,
      port,
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: pathname.slice(1),
    };
    await migrate(connection, quiet);
    const store = await openPostgresStore({ connection });
    expect((await store.installation()).description).to.match(/^PostgreSQL \d+\.\d+ at /);
    await store.close();
  });
});
