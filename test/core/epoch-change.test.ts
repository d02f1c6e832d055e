import { expect } from 'chai';
import type { MemoryStore } from '../../src/adapters/memory/store.ts';
import { type Comparable, findEpoch } from '../../src/core/watch/epoch-change.ts';
import type { Head } from '../../src/model/revision.ts';
import type { Store } from '../../src/ports/store.ts';
import { Cluster } from './cluster.ts';

// A replica that has heard of an epoch, and has applied nothing of it: what it has applied is in the older log too.
describe('a store in an older epoch than one that was seen', () => {
  let cluster: Cluster;
  let log: Comparable;
  let older: MemoryStore;
  let forsaken: Head[];
  beforeEach(async () => {
    forsaken = [];
    cluster = await Cluster.start({ replicas: 1 });
    const [one] = cluster.replicas;
    for (let at = 1; at <= 10; at++) await cluster.run(one!.set('a', String(at)));
    await cluster.run(one!.core.stop());
    const { store, clock, random } = cluster;
    older = store.copy({ clock, random }, 10n);
    const { epoch } = await store.startEpoch(store.head.epoch, 10n);
    log = { epoch, applied: 10n, recent: store.log.map(({ revision, batchId }) => ({ revision, batchId })) };
  });
  afterEach(() => cluster.stop());

  function noting(store: MemoryStore): Store {
    return Object.assign(Object.create(store), { forsake: (head: Head) => forsaken.push(head) });
  }

  it('C9: goes on beyond that one, if it is the store now', async () => {
    const found = await findEpoch(noting(older), older.head, log);
    expect(forsaken).to.deep.equal([]);
    expect(found?.history.epoch).to.include({ number: 2n, lostAfter: 10n });
    expect(found?.head.epoch).to.equal(found?.history.epoch);
    expect(found?.isLost(log.epoch.startRevision)).to.equal(true);
    expect(found?.isLost(10n)).to.equal(false);
  });

  it('C9: is forsaken, if other connections lead to the one that was seen', async () => {
    const { store } = cluster;
    const mixed = { startEpoch: store.startEpoch.bind(store), epochs: store.epochs.bind(store) };
    const seen = older.head;
    expect(await findEpoch(noting(Object.assign(Object.create(older), mixed)), seen, log)).to.equal(undefined);
    expect(forsaken).to.deep.equal([seen]);
    expect(store.head.epoch).to.equal(log.epoch);
    expect(older.knownEpochs).to.have.length(1);
  });

  it('is not forsaken for a log that is the same', async () => {
    const { store } = cluster;
    expect(await findEpoch(noting(store), store.head, log)).to.equal(undefined);
    expect(forsaken).to.deep.equal([]);
  });
});
