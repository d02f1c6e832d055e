import { expect } from 'chai';
import pg from 'pg';
import { sessionSettings } from '../../../src/adapters/postgres/lane.ts';
import type { Batch } from '../../../src/model/write.ts';
import {
  done,
  expectation,
  failure,
  get,
  newBatchId,
  set,
  WHOLE,
  wholeLog,
  write,
} from '../../contract/store-subject.ts';
import type { TestServer } from '../../support/servers.ts';
import { startPostgres } from '../../support/servers.ts';
import type { PostgresSubject } from './postgres-subject.ts';
import { openSubjectAt, runSql, untilDone } from './postgres-subject.ts';

const timeouts = { connectMs: 1000, tailerMs: 300, readMs: 300, writeMs: 500 };

describe('a PostgreSQL that fails', function () {
  this.timeout(60_000);
  let server: TestServer;
  let subject: PostgresSubject;
  beforeEach(async () => {
    server = await startPostgres();
    subject = await openSubjectAt(server.url, { timeouts });
  });
  afterEach(async () => {
    server.thaw();
    await subject.close();
    await server.close();
  });

  it('killed within commits leaves them ambiguous, and the same batch again does each exactly once (C8)', async () => {
    const { store } = subject;
    const expected = await expectation(store);
    const batchIds: string[] = [];
    let killed = 0;
    // A kill may find no commit under way: then it is tried again.
    for (let round = 1; round <= 3 || (killed === 0 && round <= 20); round++) {
      const kill = new Promise<void>((resolve) => {
        setTimeout(() => void server.kill().then(resolve), 20 + Math.random() * 80);
      });
      for (let failed = false; !failed; ) {
        const batch: Batch = { id: newBatchId(), writes: [write(set('counter', String(batchIds.length)))] };
        batchIds.push(batch.id);
        try {
          await store.commit(batch, expected);
        } catch (error) {
          failed = true;
          const { kind } = await failure(Promise.reject(error));
          expect(kind).to.be.oneOf(['ambiguous', 'unreachable']);
          if (kind === 'ambiguous') killed++;
          await kill;
          await server.start();
          await untilDone(() => store.commit(batch, expected));
        }
      }
    }
    expect(killed, 'commits cut off').to.be.greaterThan(0);
    const log = await wholeLog(store);
    expect(log.map(({ batchId }) => batchId)).to.deep.equal(batchIds);
    expect(log.map(({ revision }) => revision)).to.deep.equal(batchIds.map((_, index) => BigInt(index + 1)));
    expect((await get(store, 'counter'))!.version).to.equal(BigInt(batchIds.length));
  });

  it('is asked to end the sessions of clients whose machine has vanished', async () => {
    const client = new pg.Client({ connectionString: server.url, options: sessionSettings(1000) });
    await client.connect();
    const { rows } = await client.query(
      `SELECT string_agg(setting, ' ' ORDER BY name) AS settings FROM pg_settings WHERE name LIKE 'tcp_keepalives_%'`,
    );
    await client.end();
    expect(rows[0].settings, 'count, idle and interval').to.equal('3 30 10');
  });

  it('frozen: commits are ambiguous, reads fail in time, and all goes on after', async () => {
    const { store } = subject;
    await done(store, set('a', '1'));
    const expected = await expectation(store);
    const batch: Batch = { id: newBatchId(), writes: [write(set('a', '2'))] };
    server.freeze();
    const failures = await Promise.all([
      failure(store.commit(batch, expected)),
      failure(store.readHead()),
      failure(store.read(['a'], { bytesMax: 100 })),
      failure(store.readLog({ ...WHOLE, after: 0n })),
    ]);
    expect(failures.map(({ kind }) => kind)).to.deep.equal(['ambiguous', 'unreachable', 'unreachable', 'unreachable']);
    server.thaw();
    await untilDone(() => store.commit(batch, expected));
    expect((await get(store, 'a'))!.version).to.equal(2n);
  });

  it('frozen does not keep a store from closing', async () => {
    const store = await subject.another();
    await store.readHead();
    const pending = failure(store.read(['a'], { bytesMax: 1 }));
    server.freeze();
    await store.close();
    await pending;
    expect((await failure(store.readHead())).kind).to.equal('unreachable');
  });

  it('stopped is unreachable, and found again by the same store', async () => {
    const { store } = subject;
    const expected = await expectation(store);
    await server.stop();
    const batch: Batch = { id: newBatchId(), writes: [write(set('a', '1'))] };
    expect((await failure(store.readHead())).kind).to.equal('unreachable');
    // A connection that died in use leaves it open; without one, nothing was sent.
    await failure(store.commit(batch, expected));
    expect((await failure(store.commit(batch, expected))).kind).to.equal('unreachable');
    await server.start();
    await untilDone(() => store.commit(batch, expected));
    expect((await get(store, 'a'))!.version).to.equal(1n);
  });

  it('that has become read-only is no primary', async () => {
    const database = new URL(server.url).pathname.slice(1);
    await runSql(server.url, `ALTER DATABASE "${database}" SET default_transaction_read_only = on`);
    const { store } = subject;
    await runSql(
      server.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'paramd %'`,
    );
    const expected = await untilDone(() => expectation(store));
    const attempt = () => store.commit({ id: newBatchId(), writes: [write(set('a', '1'))] }, expected);
    await failure(attempt());
    expect((await failure(attempt())).message).to.contain('25006');
  });

  it('sends no value and no driver text into errors', async () => {
    await runSql(server.url, `ALTER TABLE paramd.current ADD CONSTRAINT never CHECK (version < 2)`);
    await done(subject.store, set('a', 'secret'));
    const failed = await failure(done(subject.store, set('a', 'secret')));
    expect(failed.kind).to.equal('data');
    expect(failed.message).to.equal('PostgreSQL answered with error 23514');
    expect(failed.cause).to.equal(undefined);
  });
});
