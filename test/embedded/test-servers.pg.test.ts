import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { Client } from 'pg';
import { freshDatabase, startPostgres, type TestServer } from '../support/servers.ts';

async function query<Row>(url: string, text: string, timeoutMs = 10_000): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: timeoutMs });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end();
  }
}

describe('the test servers', () => {
  const servers: TestServer[] = [];

  async function start(...options: Parameters<typeof startPostgres>): Promise<TestServer> {
    const server = await startPostgres(...options);
    servers.push(server);
    return server;
  }

  afterEach(async () => {
    for (const server of servers.splice(0)) {
      await server.close();
      expect(existsSync(server.folder)).to.equal(false);
    }
  });

  it('give every caller an empty database of its own', async () => {
    const [one, other] = await Promise.all([freshDatabase(), freshDatabase()]);
    await query(one.url, 'CREATE TABLE mine ()');
    expect(await query(other.url, `SELECT to_regclass('mine') AS found`)).to.deep.equal([{ found: null }]);
    const held = new Client({ connectionString: one.url });
    held.on('error', () => {});
    await held.connect();
    await Promise.all([one.drop(), other.drop()]);
    await held.end();
  });

  it('keep committed data over a kill', async () => {
    const server = await start({ durable: true });
    await query(server.url, 'CREATE TABLE kept AS SELECT 7 AS answer');
    await server.kill();
    expect(await query(server.url, 'SELECT 1').catch((error: Error) => error.message)).to.include('ECONNREFUSED');
    await server.start();
    expect(await query(server.url, 'SELECT answer FROM kept')).to.deep.equal([{ answer: 7 }]);
  });

  it('answer nothing while frozen and go on afterwards', async () => {
    const server = await start();
    server.freeze();
    const answer = await query(server.url, 'SELECT 1', 200).catch((error: Error) => error.message);
    server.thaw();
    expect(answer).to.match(/timeout/);
    expect(await query(server.url, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
    server.freeze();
  });

  it('can begin with a copy of another one', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS answer');
    await first.stop();
    const copy = await start({ copyOf: first });
    await first.start();
    await query(first.url, 'DROP TABLE kept');
    expect(await query(copy.url, 'SELECT answer FROM kept')).to.deep.equal([{ answer: 7 }]);
  });
});
