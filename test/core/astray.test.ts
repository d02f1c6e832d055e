import { expect } from 'chai';
import type { MemoryStore, StoreCall } from '../../src/adapters/memory/store.ts';
import { Cluster, failureOf, type Replica, textOf } from './cluster.ts';

/** What goes over connections of the same lane. */
const LANES: Readonly<Record<string, readonly StoreCall[]>> = {
  reads: ['read', 'list', 'readEntry'],
  tailer: ['readHead', 'readLog'],
  writes: ['commit', 'startEpoch', 'epochs'],
  'reads and writes': ['read', 'list', 'readEntry', 'commit', 'startEpoch', 'epochs'],
  everything: ['read', 'list', 'readEntry', 'commit', 'startEpoch', 'epochs', 'readHead', 'readLog'],
};

// A failover whose set-up does not fence the former primary: it is back, and a stale name or pooler leads new
// connections to it, while those that are open stay where they are.
describe('connections that lead to a former primary', () => {
  let cluster: Cluster;
  let one: Replica;
  let two: Replica;
  let former: MemoryStore;

  const options = () => ({ clock: cluster.clock, random: cluster.random, incarnation: 'memory/00000001' });

  beforeEach(async () => {
    cluster = await Cluster.start({ incarnation: 'memory/00000001' });
    [one, two] = cluster.replicas as [Replica, Replica];
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    former = cluster.store.copy(options(), 10n);
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('memory/00000002');
    await cluster.run(two.set('b', '1'));
    await cluster.clock.advance(2_000);
  });
  afterEach(() => cluster.stop());

  for (const [lane, calls] of Object.entries(LANES)) {
    it(`C5, C9: for ${lane}: nothing of it is believed, and no epoch begins`, async () => {
      const before = cluster.store.knownEpochs;
      const watch = two.watch({});
      await cluster.clock.advance(50);
      one.gate.astray = { calls: new Set(calls), to: former };
      for (let at = 2; at <= 6; at++) {
        await cluster.run(two.set('b', String(at)));
        for (const key of ['a', 'b', 'new']) await cluster.run(one.text(key).catch(() => undefined));
        const written = await cluster.run(one.set('c', String(at)).catch(() => undefined));
        if (written !== undefined) expect(cluster.store.log.at(-1)!.revision).to.equal(written.revision);
        await cluster.clock.advance(700);
        const seen = await cluster.run(one.get('b').catch(() => undefined));
        if (seen === undefined || seen.freshness.degraded) continue;
        expect(seen.parameter, 'an unflagged answer').to.deep.equal((await cluster.run(two.get('b'))).parameter);
      }
      expect(cluster.store.knownEpochs, 'epochs of the primary').to.deep.equal(before);
      expect(former.knownEpochs.length, 'epochs of the former one').to.equal(1);
      expect(former.log.length).to.equal(10);
      one.gate.astray = undefined;
      await cluster.clock.advance(2_000);
      const { revision } = await cluster.run(one.set('c', 'again'));
      expect(await cluster.run(two.text('c', { atLeastRevision: revision }))).to.equal('again');
      expect(await cluster.run(one.text('b', { linearizable: true }))).to.equal('6');
      await cluster.clock.advance(100);
      expect(watch.failure).to.equal(undefined);
      expect(watch.changes.filter((change) => change.includes(' b='))).to.have.length(5);
    });
  }

  it('C5: for reads since before the failover: nothing of it is believed once the log tells', async () => {
    const third = await cluster.addReplica();
    const { revision } = await cluster.run(two.set('b', 'lost'));
    await cluster.run(third.text('b'));
    third.gate.astray = { calls: new Set(LANES.reads), to: cluster.store.copy(options(), revision) };
    cluster.store.crash({ loseAfter: revision - 1n });
    cluster.store.setIncarnation('memory/00000003');
    for (let at = 2; at <= 6; at++) {
      await cluster.run(two.set('b', String(at)));
      await cluster.clock.advance(700);
      for (const key of ['a', 'b', 'new']) {
        const seen = await cluster.run(third.get(key).catch(() => undefined));
        if (seen === undefined || seen.freshness.degraded) continue;
        expect(seen.parameter, `${key}, unflagged`).to.deep.equal((await cluster.run(two.get(key))).parameter);
      }
    }
    third.gate.astray = undefined;
    await cluster.clock.advance(2_000);
    expect(await cluster.run(third.text('b'))).to.equal('6');
    expect(cluster.store.knownEpochs.length).to.equal(3);
  });

  for (const lane of ['tailer', 'writes', 'reads']) {
    it(`C5: for ${lane} since before the failover: they are left once another connection or replica tells`, async () => {
      await cluster.run(one.text('a'));
      const { epoch } = cluster.store.head;
      const to = cluster.store.copy({ ...options(), incarnation: epoch.incarnation }, cluster.store.head.revision);
      one.gate.astray = { calls: new Set(LANES[lane]), to, once: true };
      cluster.store.setIncarnation('memory/00000003');
      await cluster.run(two.set('a', 'new'));
      await cluster.clock.advance(1_000);
      if (lane === 'reads') await cluster.run(one.text('missing'));
      expect(one.gate.astray, 'still there').to.equal(undefined);
      await cluster.clock.advance(1_000);
      const { parameter, freshness } = await cluster.run(one.get('a'));
      expect([textOf(parameter), freshness.degraded]).to.deep.equal(['new', false]);
      const { revision } = await cluster.run(one.set('a', 'newer'));
      expect(cluster.store.log.at(-1)!.revision).to.equal(revision);
      expect(to.knownEpochs.at(-1)!.id).to.equal(epoch.id);
    });
  }

  it('C5: for a tailer whose replica hears no other: it is left once a read tells', async () => {
    await cluster.run(one.text('a'));
    const { epoch, revision } = cluster.store.head;
    const to = cluster.store.copy({ ...options(), incarnation: epoch.incarnation }, revision);
    one.gate.astray = { calls: new Set(LANES.tailer), to, once: true };
    cluster.channel.route = () => [];
    cluster.store.setIncarnation('memory/00000003');
    await cluster.run(two.set('a', 'new'));
    await cluster.clock.advance(1_000);
    expect(await cluster.run(one.text('missing'))).to.equal(undefined);
    expect(await cluster.run(one.text('a'))).to.equal('new');
  });

  it('C9: for reads since before an earlier failover: nothing that the primary has is declared lost', async () => {
    const { revision } = await cluster.run(two.set('b', 'kept'));
    await cluster.clock.advance(2_000);
    const watch = one.watch({});
    await cluster.clock.advance(50);
    one.gate.astray = { calls: new Set(LANES.reads), to: former };
    cluster.store.setIncarnation('memory/00000003');
    await cluster.run(two.set('b', 'next'));
    await cluster.clock.advance(2_000);
    expect(cluster.store.knownEpochs.at(-1)).to.include({ number: 2n, lostAfter: revision });
    expect(watch.failure).to.equal(undefined);
    expect(watch.changes).to.have.length(1);
  });

  it('C2: a replica that follows another standby, promoted apart, does not take for lost what it has not heard of', async () => {
    const standbys = ['memory/00000003', 'memory/00000004'].map((incarnation) =>
      cluster.store.copy({ ...options(), incarnation }, cluster.store.log.at(-1)!.revision),
    );
    const everything = new Set(LANES.everything);
    for (const [at, to] of standbys.entries()) cluster.replicas[at]!.gate.astray = { calls: everything, to };
    await cluster.clock.advance(3_000);
    // Epochs begin somewhere: the one that begins later takes the numbers of the other for skipped.
    const startOf = (at: number) => standbys[at]!.knownEpochs.at(-1)!.startRevision;
    const [early, late] = startOf(0) < startOf(1) ? [0, 1] : [1, 0];
    const { revision } = await cluster.run(cluster.replicas[early]!.set('b', 'apart'));
    expect(revision < startOf(late)).to.equal(true);
    const behind = cluster.replicas[late]!;
    expect(await cluster.run(behind.text('b'))).to.equal('1');
    behind.gate.astray = { calls: everything, to: standbys[early]! };

    const demand = { atLeastRevision: revision };
    const one = behind.text('b', demand);
    const many = behind.core.getMany(['b'], { linearizable: false, ...demand }, behind.call());
    expect(await cluster.run(one)).to.equal('apart');
    expect((await cluster.run(many)).parameters.map(textOf)).to.deep.equal(['apart']);
    expect((await cluster.run(failureOf(behind.get('b', { atLeastRevision: startOf(late) })))).reason).to.equal(
      'REVISION_LOST',
    );
  });
});
