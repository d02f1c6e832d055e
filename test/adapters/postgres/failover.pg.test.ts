import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  commit,
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
import { startProxy } from '../../support/proxy.ts';
import type { TestServer } from '../../support/servers.ts';
import { startPostgres } from '../../support/servers.ts';
import type { PostgresSubject } from './postgres-subject.ts';
import { openSubjectAt, untilDone } from './postgres-subject.ts';

describe('a failover of PostgreSQL', function () {
  this.timeout(60_000);
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function start(options: Parameters<typeof startPostgres>[0] = {}): Promise<TestServer> {
    const server = await startPostgres(options);
    closing.push(() => server.close());
    return server;
  }

  async function subjectAt(server: TestServer): Promise<PostgresSubject> {
    const subject = await openSubjectAt(server.url, { timeouts: { connectMs: 1000 } });
    closing.push(() => subject.close());
    return subject;
  }

  /** Two commits, then a copy that has only these. */
  async function primaryAndCopy(): Promise<{ primary: TestServer; copy: TestServer }> {
    const primary = await start();
    const { store, close } = await openSubjectAt(primary.url);
    await done(store, set('a', '1'));
    await done(store, set('a', '2'));
    await close();
    await primary.stop();
    const copy = await start({ copyOf: primary });
    await primary.start();
    return { primary, copy };
  }

  it('that lost commits is noticed, and no revision is issued again (C9)', async () => {
    const { primary, copy } = await primaryAndCopy();
    const before = (await subjectAt(primary)).store;
    await commit(before, write(set('a', '3')), write(set('b', '3')));
    const lost = await before.readHead();

    const { store } = await subjectAt(copy);
    const head = await store.readHead();
    expect(head).to.deep.include({ revision: 2n, epoch: lost.epoch, incarnation: lost.incarnation });
    const expected = { epochId: lost.epoch.id, applied: lost.revision, batchIdAtApplied: lost.batchId };
    const batch = { id: newBatchId(), writes: [write(set('a', '4'))] };
    expect((await failure(store.commit(batch, expected))).kind).to.equal('epoch-changed');

    const begun = await store.startEpoch(lost.epoch, lost.revision);
    expect(begun.epoch).to.include({ number: 1n, lostAfter: 2n });
    const after = await done(store, set('a', '4'));
    expect(after.revision).to.equal(begun.epoch.startRevision);
    expect(after.sets[0]!.version).to.equal(3n);
    expect((await wholeLog(store)).map(({ revision }) => revision)).to.deep.equal([1n, 2n, after.revision]);
  });

  it('to one of two that went apart is noticed by the batch, though numbers and incarnation are equal', async () => {
    const { primary, copy } = await primaryAndCopy();
    const one = (await subjectAt(primary)).store;
    const other = (await subjectAt(copy)).store;
    await done(one, set('a', 'here'));
    await done(other, set('a', 'there'));
    await done(other, set('a', 'there again'));
    const seen = await one.readHead();
    const { head, batchIdAtAfter } = await other.readLog({ ...WHOLE, after: seen.revision });
    expect(head.incarnation).to.equal(seen.incarnation);
    expect(batchIdAtAfter).to.not.equal(seen.batchId);
    const expected = { epochId: seen.epoch.id, applied: seen.revision, batchIdAtApplied: seen.batchId };
    const batch = { id: newBatchId(), writes: [write(set('a', 'x'))] };
    expect((await failure(other.commit(batch, expected))).kind).to.equal('epoch-changed');
    const begun = await other.startEpoch(seen.epoch, 2n);
    expect(begun.epoch.lostAfter).to.equal(2n);
    const elsewhere = await one.startEpoch(seen.epoch, 2n);
    expect(begun.epoch.startRevision, 'two that are promoted apart begin apart').to.not.equal(
      elsewhere.epoch.startRevision,
    );
  });

  it('to a new timeline is another incarnation, and refuses writes until an epoch began', async () => {
    const { copy } = await primaryAndCopy();
    const before = await subjectAt(copy);
    const expected = await expectation(before.store);
    await before.close();
    await copy.stop();
    writeFileSync(join(copy.folder, 'data', 'recovery.signal'), '');
    writeFileSync(join(copy.folder, 'data', 'postgresql.auto.conf'), "restore_command = 'false'\n");
    await copy.start();
    const { store } = await untilDone(() => subjectAt(copy));
    const head = await store.readHead();
    expect(head.incarnation)
      .to.match(/\/00000002$/)
      .and.not.equal(head.epoch.incarnation);
    const batch = { id: newBatchId(), writes: [write(set('a', '3'))] };
    expect((await failure(store.commit(batch, expected))).kind).to.equal('epoch-changed');
    const begun = await store.startEpoch(head.epoch, 2n);
    expect(begun.epoch.incarnation).to.equal(begun.incarnation);
    expect((await done(store, set('a', '3'))).revision).to.equal(begun.epoch.startRevision);
  });

  it('finds the primary among several hosts; a standby is not read', async () => {
    const { primary, copy } = await primaryAndCopy();
    const alone = await subjectAt(copy);
    const expected = await expectation(alone.store);
    await copy.stop();
    writeFileSync(join(copy.folder, 'data', 'standby.signal'), '');
    await copy.start();
    const reads = [() => alone.store.readHead(), () => get(alone.store, 'a'), () => alone.store.readEntry(1n)];
    for (const read of reads) {
      await failure(read());
      expect((await failure(read())).kind).to.equal('unreachable');
    }
    const batch = { id: newBatchId(), writes: [write(set('a', '3'))] };
    await failure(alone.store.commit(batch, expected));
    expect((await failure(alone.store.commit(batch, expected))).kind).to.equal('unreachable');

    const { port, host } = new URL(copy.url);
    const both = primary.url.replace(/@[^/]+/, (primaryHost) => `@127.0.0.1:1,${host},${primaryHost.slice(1)}`);
    expect(both).to.contain(port);
    const { store } = await subjectAt({ ...primary, url: both });
    await done(store, set('a', '3'));
    expect((await get(store, 'a'))!.revision).to.equal(3n);
    await store.readHead();
  });

  it('a connection that led to a server which is not the primary is not used again', async () => {
    const { primary, copy } = await primaryAndCopy();
    await done((await subjectAt(copy)).store, set('a', '3'));
    const proxy = await startProxy(primary.port);
    closing.push(() => proxy.close());
    const { store } = await subjectAt({ ...primary, url: proxy.through(primary.url) });
    const kept = { ...WHOLE, after: 0n };
    const stale = [
      await store.readHead(),
      (await store.read(['a'], { bytesMax: 100 })).head,
      (await store.readLog(kept)).head,
    ];
    expect(stale.map(({ revision }) => revision)).to.deep.equal([2n, 2n, 2n]);
    proxy.leadNew(copy.port);
    expect((await store.readHead()).revision, 'as long as nothing is said against it').to.equal(2n);
    for (const head of stale) store.forsake!(head);
    expect((await store.readHead()).revision).to.equal(3n);
    expect((await store.read(['a'], { bytesMax: 100 })).head.revision).to.equal(3n);
  });

  it('a connection that led to where a batch was refused for its epoch is not used again', async () => {
    const { primary, copy } = await primaryAndCopy();
    const there = (await subjectAt(copy)).store;
    await there.startEpoch((await there.readHead()).epoch, 2n);
    const proxy = await startProxy(primary.port);
    closing.push(() => proxy.close());
    const { store } = await subjectAt({ ...primary, url: proxy.through(primary.url) });
    await done(store, set('a', '3'));
    proxy.leadNew(copy.port);
    const batch = { id: newBatchId(), writes: [write(set('a', '4'))] };
    const expected = await expectation(there);
    expect((await failure(store.commit(batch, expected))).kind).to.equal('epoch-changed');
    expect((await store.commit(batch, expected)).from).to.equal(expected.applied + 1n);
  });

  it('of several hosts one that is a former primary is left for the next', async () => {
    const { primary, copy } = await primaryAndCopy();
    const there = (await subjectAt(copy)).store;
    await there.startEpoch((await there.readHead()).epoch, 2n);
    const { revision } = await done(there, set('a', '3'));
    const expected = await expectation(there);
    const both = primary.url.replace(/@([^/]+)/, `@$1,${new URL(copy.url).host}`);
    const { store } = await subjectAt({ ...primary, url: both });
    const head = await store.readHead();
    expect(head.revision).to.equal(2n);
    store.forsake!(head);
    expect((await store.readHead()).revision).to.equal(revision);

    const other = (await subjectAt({ ...primary, url: both })).store;
    const batch = { id: newBatchId(), writes: [write(set('a', '4'))] };
    for (let sent = 1; sent <= 2; sent++) {
      expect((await failure(other.commit(batch, expected))).kind).to.equal('epoch-changed');
    }
    expect((await other.commit(batch, expected)).from).to.equal(revision + 1n);
  });
});
