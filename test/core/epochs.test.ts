import { expect } from 'chai';
import { Cluster, failureOf, type Replica } from './cluster.ts';

describe('epochs', () => {
  let cluster: Cluster;
  let one: Replica;
  let two: Replica;
  beforeEach(async () => {
    cluster = await Cluster.start();
    [one, two] = cluster.replicas as [Replica, Replica];
  });
  afterEach(() => cluster.stop());

  it('C9: a failover that lost commits issues none of their revisions again', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    await cluster.run(two.get('a'));
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('after-failover');
    const { revision } = await cluster.run(one.set('b', 'x'));
    expect(revision > 1n << 40n).to.equal(true);
    await cluster.clock.advance(500);
    expect(await cluster.run(two.text('a'))).to.equal('7');
    expect(await cluster.run(one.text('a'))).to.equal('7');
  });

  it('C9: the same where the lost commits leave no other trace (equal incarnation)', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    cluster.store.crash({ loseAfter: 7n });
    const { revision } = await cluster.run(one.set('b', 'x'));
    expect(revision > 1n << 40n).to.equal(true);
  });

  it('C9: logs that parted at equal numbers are told apart by their batches', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(1);
    const reader = two.watch({ startRevision: 1n });
    await cluster.clock.advance(50);
    expect(reader.changes).to.have.length(10);
    // Another primary, promoted apart, has written three other revisions with the numbers 8 to 10.
    await cluster.run(one.core.stop());
    cluster.store.crash({ loseAfter: 7n });
    const stranger = await cluster.addReplica();
    for (let at = 8; at <= 10; at++) await cluster.run(stranger.set('a', `other ${at}`));
    await cluster.clock.advance(3_000);
    expect(reader.failure?.failure.reason).to.equal('REVISION_LOST');
    expect(await cluster.run(two.text('a'))).to.equal('other 10');
    const { revision } = await cluster.run(two.set('a', 'next'));
    expect(revision > 1n << 40n).to.equal(true);
    expect(await cluster.run(stranger.text('a', { atLeastRevision: revision }))).to.equal('next');
  });

  it('C9: a store that was put back to before an epoch goes on above it', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    cluster.store.crash({ loseAfter: 9n });
    cluster.store.setIncarnation('after-failover');
    const { revision } = await cluster.run(one.set('b', 'x'));
    await cluster.clock.advance(1_000);
    cluster.store.crash({ loseAfter: 5n });
    cluster.store.setIncarnation('memory-1');
    await cluster.clock.advance(2_000);
    const after = await cluster.run(one.set('b', 'y'));
    expect(after.revision > revision).to.equal(true);
    expect(after.revision >> 40n).to.equal(2n);
    expect(await cluster.run(two.text('a', { atLeastRevision: after.revision }))).to.equal('5');
  });

  it('C10: only a watch delivered beyond the lost point ends; others go on without a gap', async () => {
    for (let at = 1; at <= 7; at++) await cluster.run(one.set('a', String(at)));
    cluster.channel.route = () => [];
    const behind = two.watch({});
    await cluster.clock.advance(10);
    const beyond = one.watch({});
    await cluster.clock.advance(10);
    for (let at = 8; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(1_000);
    expect(beyond.failure?.failure.reason).to.equal('REVISION_LOST');
    expect(behind.failure).to.equal(undefined);
    await cluster.run(two.set('b', 'x'));
    await cluster.clock.advance(1_000);
    expect(behind.changes.map((change) => change.replace(/^\d+ /, ''))).to.deep.equal(['put b=x']);
  });

  // Which of the two begins at the greater number is chance.
  for (const seed of [1, 2, 3, 5]) {
    it(`C10: a watch that was told only of the beginning of an epoch is told that it is lost (seed ${seed})`, async () => {
      const apart = await Cluster.start({ replicas: 1, seed });
      const [replica] = apart.replicas as [Replica];
      await apart.run(replica.set('a', '1'));
      const reader = replica.watch({ keys: ['a'], prefixes: [], progressIntervalMs: 1_000 });
      await apart.clock.advance(50);
      apart.store.setIncarnation('promoted');
      await apart.clock.advance(2_000);
      await apart.run(replica.set('b', 'lost'));
      expect(reader.batches.at(-1)).to.deep.equal({
        kind: 'progress',
        revision: apart.store.knownEpochs[1]!.startRevision - 1n,
      });
      // The one that was promoted apart from it has begun its own.
      replica.gate.close();
      apart.store.crash({ loseAfter: 1n });
      apart.store.setIncarnation('promoted apart');
      const stranger = await apart.addReplica();
      await apart.run(stranger.set('a', '2'));
      replica.gate.open();
      await apart.clock.advance(2_000);
      expect(reader.failure?.failure.reason).to.equal('REVISION_LOST');
      await apart.stop();
    });

    it(`C10: so is one whose snapshot was sent meanwhile (seed ${seed})`, async () => {
      const apart = await Cluster.start({ replicas: 1, seed });
      const [replica] = apart.replicas as [Replica];
      await apart.run(replica.set('a', '1'));
      apart.store.setIncarnation('promoted');
      await apart.clock.advance(2_000);
      const reader = replica.watch({ sendInitial: true });
      reader.pause();
      await apart.clock.advance(10);
      expect(reader.kinds).to.deep.equal(['initial']);
      replica.gate.close();
      apart.store.crash({ loseAfter: 1n });
      apart.store.setIncarnation('promoted apart');
      const stranger = await apart.addReplica();
      await apart.run(stranger.set('a', '2'));
      replica.gate.open();
      await apart.clock.advance(2_000);
      reader.resume();
      await apart.clock.advance(10);
      expect(reader.failure?.failure.reason).to.equal('REVISION_LOST');
      expect(reader.kinds).to.deep.equal(['initial', 'initial-complete']);
      await apart.stop();
    });

    it(`C1, C9: a write whose answer comes after that is not acknowledged, and hides no key (seed ${seed})`, async () => {
      const apart = await Cluster.start({ replicas: 1, seed });
      const [replica] = apart.replicas as [Replica];
      await apart.run(replica.set('a', '1'));
      apart.store.setIncarnation('promoted');
      await apart.clock.advance(2_000);
      const hold = apart.hold('commit', 'answer');
      const late = failureOf(replica.set('a', 'lost'));
      await hold.reached;
      replica.gate.close();
      apart.store.crash({ loseAfter: 1n });
      apart.store.setIncarnation('promoted apart');
      const stranger = await apart.addReplica();
      await apart.run(stranger.set('b', '2'));
      replica.gate.open();
      await apart.clock.advance(2_000);
      expect(replica.core.status().epochNumber).to.equal(stranger.core.status().epochNumber);
      hold.release();
      expect((await apart.run(late)).reason).to.equal('OUTCOME_UNKNOWN');
      expect(await apart.run(replica.text('a'))).to.equal('1');
      await apart.run(replica.set('a', '3'));
      expect(await apart.run(replica.text('a'))).to.equal('3');
      await apart.stop();
    });
  }

  it('C10: a snapshot that a failover lost while it was sent is told as lost, and no change is sent after it', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(10);
    const reader = two.watch({ sendInitial: true });
    reader.pause();
    await cluster.clock.advance(10);
    expect(reader.kinds).to.deep.equal(['initial']);
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(2_000);
    reader.resume();
    await cluster.run(one.set('b', 'x'));
    await cluster.clock.advance(1_000);
    expect(reader.failure?.failure.reason).to.equal('REVISION_LOST');
    expect(reader.changes).to.deep.equal([]);
  });

  it('a failover that lost nothing costs nothing but the caches', async () => {
    const reader = two.watch({});
    await cluster.clock.advance(1);
    for (let at = 1; at <= 5; at++) await cluster.run(one.set('a', String(at)));
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(2_000);
    await cluster.run(one.set('a', '6'));
    await cluster.clock.advance(1_000);
    expect(reader.failure).to.equal(undefined);
    expect(reader.changes.map((change) => change.split('=')[1])).to.deep.equal(['1', '2', '3', '4', '5', '6']);
    expect(await cluster.run(two.text('a', { atLeastRevision: 5n }))).to.equal('6');
  });

  it('C2: a revision that was lost cannot be reflected', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('after-failover');
    await cluster.run(one.set('b', 'x'));
    await cluster.clock.advance(1_000);
    for (const replica of [one, two]) {
      const failure = await cluster.run(failureOf(replica.get('a', { atLeastRevision: 9n })));
      expect(failure.reason).to.equal('REVISION_LOST');
      expect(await cluster.run(replica.text('a', { atLeastRevision: 7n }))).to.equal('7');
    }
  });

  it('C5: from the failover on no answer shows what was lost, unless flagged', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    await cluster.run(two.get('a'));
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('after-failover');
    const crashedAtMs = cluster.clock.monotonicMs();
    for (;;) {
      const text = await cluster.run(two.text('a'));
      if (text === '7') break;
      expect(cluster.clock.monotonicMs() - crashedAtMs).to.be.lessThan(500);
      await cluster.clock.advance(13);
    }
  });

  it('C9: no epoch begins because the machine slept over the answer to a head read', async () => {
    await cluster.run(one.set('a', '1'));
    const { reached, release } = cluster.hold('readHead', 'answer');
    const reading = one.text('a', { linearizable: true });
    await cluster.run(reached);
    const { revision } = await cluster.run(two.set('b', '2'));
    await cluster.clock.advance(5);
    expect(one.core.status().applied).to.equal(revision);
    cluster.clock.jumpWall(20_000);
    release();
    expect(await cluster.run(reading)).to.equal('1');
    await cluster.clock.advance(1_000);
    expect(cluster.store.knownEpochs).to.have.length(1);
    expect(await cluster.run(one.text('b', { atLeastRevision: revision }))).to.equal('2');
  });

  it('a replica that slept longer than history is kept starts again', async () => {
    await cluster.run(one.set('a', '0'));
    await cluster.run(two.get('a'));
    const slept = two.watch({});
    await cluster.clock.advance(1);
    cluster.channel.route = () => [];
    two.gate.close();
    for (let at = 1; at <= 5; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(3 * 3_600_000);
    await cluster.run(one.set('b', 'x'));
    await cluster.run(cluster.store.upkeep.compact(3_600_000));
    two.gate.open();
    await cluster.clock.advance(2_000);
    expect(await cluster.run(two.text('a'))).to.equal('5');
    expect(slept.failure?.failure.reason).to.equal('REVISION_COMPACTED');
    await cluster.run(two.set('a', '6'));
    expect(await cluster.run(two.text('a'))).to.equal('6');
  });
});
