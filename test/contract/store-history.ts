import { expect } from 'chai';
import type { Store } from '../../src/ports/store.ts';
import type { OpenSubject, StoreSubject } from './store-subject.ts';
import {
  commit,
  done,
  expectation,
  failure,
  get,
  HOUR_MS,
  listAll,
  newBatchId,
  remove,
  set,
  WHOLE,
  wholeLog,
  write,
} from './store-subject.ts';

/** Compaction and epochs. */
export function historyContract(open: OpenSubject): void {
  let subject: StoreSubject;
  let store: Store;
  beforeEach(async () => {
    subject = await open();
    store = subject.store;
  });
  afterEach(() => subject.close());

  describe('compaction', () => {
    it('drops what is older, and keeps the rest and the state', async () => {
      for (const text of ['1', '2', '3']) await done(store, set('a', text));
      await subject.age(2 * HOUR_MS);
      await done(store, set('b', '1'));
      const before = await wholeLog(store);
      expect(await store.upkeep.compact(HOUR_MS)).to.deep.equal({ compactRevision: 3n, dropped: 3 });
      const page = await store.readLog({ ...WHOLE, after: 3n });
      expect(page.head.compactRevision).to.equal(3n);
      expect(page.entries.map(({ revision }) => revision)).to.deep.equal([4n]);
      for (const after of [0n, 2n]) {
        expect((await store.readLog({ ...WHOLE, after })).entries, 'history is gone').to.deep.equal([]);
      }
      expect(await store.readEntry(3n)).to.equal(undefined);
      expect((await store.readEntry(4n))!.batchId).to.equal(before[3]!.batchId);
      expect((await listAll(store)).map(({ key }) => key)).to.deep.equal(['a', 'b']);
      expect((await listAll(store, { asOf: 3n })).map(({ key }) => key)).to.deep.equal(['a']);
      expect(await store.upkeep.compact(HOUR_MS)).to.deep.equal({ compactRevision: 3n, dropped: 0 });
    });

    it('of everything leaves a store that goes on', async () => {
      await done(store, set('a', '1'));
      const { batchId } = await store.readHead();
      await subject.age(2 * HOUR_MS);
      expect((await store.upkeep.compact(HOUR_MS)).compactRevision).to.equal(1n);
      expect(await store.readLog({ ...WHOLE, after: 1n })).to.deep.include({ batchIdAtAfter: batchId, entries: [] });
      expect((await done(store, set('a', '2'))).revision).to.equal(2n);
    });

    it('keeps what a remembered request needs', async () => {
      await done(store, set('a', '1'));
      await done(store, write(set('a', '2'), { requestId: 'r' }));
      await done(store, set('a', '3'));
      await subject.age(1000);
      expect((await store.upkeep.compact(0)).compactRevision).to.equal(1n);
      await subject.age(2 * HOUR_MS);
      expect((await store.upkeep.compact(0)).compactRevision).to.equal(3n);
    });

    it('of nothing does nothing', async () => {
      expect(await store.upkeep.compact(HOUR_MS)).to.deep.equal({ compactRevision: 0n, dropped: 0 });
    });
  });

  it('trimming forgets requests and batches after an hour', async () => {
    await done(store, write(set('a', '1'), { requestId: 'old' }));
    await subject.age(HOUR_MS + 1000);
    await done(store, write(set('a', '2'), { requestId: 'young' }));
    expect(await store.upkeep.trim()).to.deep.equal({ requests: 1, batches: 1 });
    expect(await store.upkeep.trim()).to.deep.equal({ requests: 0, batches: 0 });
    expect((await done(store, write(set('a', '2'), { requestId: 'young' }))).replayed).to.equal(true);
  });

  it('extending makes room, once', async () => {
    await store.upkeep.extend();
    expect(await store.upkeep.extend()).to.deep.equal({ created: 0 });
  });

  describe('epochs', () => {
    it('begin at a number of their own, with what is lost and a head before their first write (C9)', async () => {
      await commit(store, write(set('a', '1')), write(set('a2', '1')));
      const { epoch } = await store.readHead();
      const head = await store.startEpoch(epoch, 5n);
      expect(head.epoch).to.include({ number: 1n, lostAfter: 2n, incarnation: head.incarnation });
      expect(head.epoch.id)
        .to.match(/^[0-9a-f]{32}$/)
        .and.not.equal(epoch.id);
      expect(head.epoch.startRevision >= 1n << 40n && head.epoch.startRevision < (1n << 40n) + (1n << 39n)).to.equal(
        true,
      );
      expect(head).to.include({ revision: head.epoch.startRevision - 1n, batchId: '' });
      expect(await store.epochs()).to.deep.equal([epoch, head.epoch]);
      expect(await store.readHead()).to.deep.equal(head);
      const page = await store.readLog({ ...WHOLE, after: head.revision });
      expect(page).to.deep.include({ batchIdAtAfter: '', entries: [] });
    });

    it('go on densely, with log and earlier states across', async () => {
      await done(store, set('a', '1'));
      const { epoch } = await store.readHead();
      const { epoch: next } = await store.startEpoch(epoch, 1n);
      expect((await done(store, set('a', '2'))).revision).to.equal(next.startRevision);
      expect((await done(store, remove('a'))).revision).to.equal(next.startRevision + 1n);
      expect((await wholeLog(store)).map(({ revision }) => revision)).to.deep.equal([
        1n,
        next.startRevision,
        next.startRevision + 1n,
      ]);
      expect((await listAll(store, { asOf: next.startRevision - 1n }))[0]!.revision).to.equal(1n);
      const two = await store.readLog({ ...WHOLE, after: 0n, entriesMax: 2 });
      expect(two.entries.map(({ revision }) => revision)).to.deep.equal([1n, next.startRevision]);
    });

    it('begin once, whoever asks, and the least is vouched for', async () => {
      for (const text of ['1', '2', '3']) await done(store, set('a', text));
      const { epoch } = await store.readHead();
      const heads = await Promise.all([3n, 2n, 3n].map((lostAfter) => store.startEpoch(epoch, lostAfter)));
      expect(new Set(heads.map((head) => head.epoch.id)).size).to.equal(1);
      expect((await store.readHead()).epoch).to.include({ number: 1n, lostAfter: 2n });
      expect((await store.startEpoch(epoch, 1n)).epoch).to.include({ number: 1n, lostAfter: 1n });
      expect((await store.startEpoch(epoch, 9n)).epoch).to.include({ number: 1n, lostAfter: 1n });
    });

    it('of which a later one is there already touch only the one that followed', async () => {
      await done(store, set('a', '1'));
      const first = (await store.readHead()).epoch;
      const second = (await store.startEpoch(first, 1n)).epoch;
      const third = (await store.startEpoch(second, second.startRevision - 1n)).epoch;
      await store.startEpoch(first, 0n);
      expect((await store.epochs()).map(({ lostAfter }) => lostAfter)).to.deep.equal([0n, 0n, third.lostAfter]);
    });

    it('go on beyond a number that only the caller has seen', async () => {
      const { epoch } = await store.readHead();
      const seen = { ...epoch, number: 4n, id: 'e'.repeat(32) };
      const head = await store.startEpoch(seen, 0n);
      expect(head.epoch.number).to.equal(5n);
      expect((await store.startEpoch(seen, 0n)).epoch.id).to.equal(head.epoch.id);
    });

    it('are not begun for what was seen of another server (C9)', async () => {
      await done(store, set('a', '1'));
      const first = await store.readHead();
      const other = { ...first, incarnation: 'another/00000001' };
      expect(await store.startEpoch(first.epoch, 0n, other)).to.deep.equal(first);
      expect((await store.startEpoch(first.epoch, 0n, first)).epoch.number).to.equal(1n);
      const second = await store.readHead();
      // An older epoch, though this server is in the newer one.
      const older = { ...first, incarnation: second.incarnation };
      expect(await store.startEpoch(second.epoch, 0n, older)).to.deep.equal(second);
      expect(await store.epochs()).to.have.length(2);
    });

    it('refuse batches of the one before', async () => {
      const expected = await expectation(store);
      const { epoch } = await store.readHead();
      await store.startEpoch(epoch, 0n);
      const failed = await failure(store.commit({ id: newBatchId(), writes: [write(set('a', '1'))] }, expected));
      expect(failed.kind).to.equal('epoch-changed');
      expect(await get(store, 'a')).to.equal(undefined);
    });

    it('know a batch that was done before them (C8)', async () => {
      const expected = await expectation(store);
      const batch = { id: newBatchId(), writes: [write(set('a', '1'))] };
      const first = await store.commit(batch, expected);
      await store.startEpoch((await store.readHead()).epoch, 1n);
      expect(await store.commit(batch, expected)).to.deep.equal(first);
      expect((await get(store, 'a'))!.version).to.equal(1n);
    });

    it('can be compacted across', async () => {
      await done(store, set('a', '1'));
      await store.startEpoch((await store.readHead()).epoch, 1n);
      const { revision } = await done(store, set('a', '2'));
      await subject.age(2 * HOUR_MS);
      expect((await store.upkeep.compact(HOUR_MS)).compactRevision).to.equal(revision);
      expect((await done(store, set('a', '3'))).revision).to.equal(revision + 1n);
    });
  });
}
