import { expect } from 'chai';
import { Cluster, failureOf, type Replica, setText } from './cluster.ts';

describe('reads and writes of the core', () => {
  let cluster: Cluster;
  afterEach(() => cluster.stop());

  it('serve a value from each tier in turn, each fuller than before', async () => {
    cluster = await Cluster.start();
    const [one, two] = cluster.replicas as [(typeof cluster.replicas)[0], (typeof cluster.replicas)[0]];
    const written = await cluster.run(one!.set('a', '1'));
    expect(written.revision).to.equal(1n);
    const third = await cluster.addReplica();
    await cluster.clock.advance(1);
    const fromShared = await cluster.run(third.get('a'));
    expect(fromShared.freshness.servedFrom).to.equal('shared-cache');
    const fromNear = await cluster.run(third.get('a'));
    expect(fromNear.freshness.servedFrom).to.equal('near-cache');
    cluster.valkey.load();
    const fromStore = await cluster.run(two!.get('a'));
    expect(fromStore.freshness.servedFrom).to.equal('store');
    expect(await cluster.run(two!.text('a'))).to.equal('1');
  });

  it('C1: a write is seen on its own replica at once, also while the log behind it has a hole', async () => {
    cluster = await Cluster.start();
    const [one, two] = cluster.replicas;
    cluster.channel.route = () => [];
    await cluster.run(two!.set('other', 'x')); // one does not hear of it
    const { revision } = await cluster.run(one!.set('a', 'new'));
    expect(revision).to.equal(2n);
    expect(one!.core.status().applied).to.equal(0n);
    expect(await one!.text('a')).to.equal('new');
  });

  it('C3: "not found" carries a revision too, and comes from a cache the second time', async () => {
    cluster = await Cluster.start();
    const [one] = cluster.replicas;
    await cluster.run(one!.set('a', '1'));
    await cluster.run(one!.get('b'));
    const read = await cluster.run(one!.get('b'));
    expect(read.parameter).to.equal(null);
    expect(read.freshness).to.include({ servedFrom: 'near-cache', revision: 1n, degraded: false });
  });

  it('C2: at_least_revision waits for the revision, and fails with REVISION_LOST beyond the head', async () => {
    cluster = await Cluster.start();
    const [one, two] = cluster.replicas;
    await cluster.run(two!.get('a'));
    cluster.channel.route = () => [];
    const { revision } = await cluster.run(one!.set('a', '1'));
    const read = await cluster.run(two!.get('a', { atLeastRevision: revision }));
    expect(read.freshness.revision >= revision).to.equal(true);
    expect(read.parameter).to.not.equal(null);
    const failure = await cluster.run(failureOf(two!.get('a', { atLeastRevision: revision + 1n })));
    expect(failure).to.deep.include({ reason: 'REVISION_LOST', requested: 2n, head: 1n });
  });

  it('linearizable reads see what was acknowledged before, with the bus away', async () => {
    cluster = await Cluster.start();
    const [one, two] = cluster.replicas;
    await cluster.run(one!.set('a', '1'));
    await cluster.run(two!.text('a'));
    cluster.channel.route = () => [];
    await cluster.run(one!.set('a', '2'));
    expect(await cluster.run(two!.text('a', { linearizable: true }))).to.equal('2');
  });

  it('C5: with every announcement lost an answer is never older than Z', async () => {
    cluster = await Cluster.start();
    const [one, two] = cluster.replicas;
    cluster.channel.route = () => [];
    await cluster.run(one!.set('a', '0'));
    await cluster.run(two!.get('a'));
    for (let round = 1; round <= 20; round++) {
      await cluster.run(one!.set('a', String(round)));
      const writtenAtMs = cluster.clock.monotonicMs();
      for (;;) {
        const text = await cluster.run(two!.text('a'));
        if (text === String(round)) break;
        expect(cluster.clock.monotonicMs() - writtenAtMs).to.be.lessThan(500);
        await cluster.clock.advance(17);
      }
    }
  });

  it('C5: a machine that slept has no lease', async () => {
    cluster = await Cluster.start();
    const [one] = cluster.replicas;
    await cluster.run(one!.set('a', '1'));
    await cluster.run(one!.get('a'));
    const polls = one!.telemetry.total('polls');
    cluster.clock.jumpWall(60_000);
    const read = await cluster.run(one!.get('a'));
    expect(one!.telemetry.total('polls')).to.equal(polls + 1);
    expect(read.freshness.stalenessBoundMs).to.be.lessThan(500);
  });

  it('C7: without the store only calls that may are answered, flagged and with their true age', async () => {
    cluster = await Cluster.start();
    const [one] = cluster.replicas;
    await cluster.run(one!.set('a', '1'));
    await cluster.run(one!.get('a'));
    cluster.store.fail('unreachable');
    await cluster.clock.advance(10_000);
    const read = await cluster.run(one!.get('a'));
    expect(read.freshness.degraded).to.equal(true);
    expect(read.freshness.stalenessBoundMs).to.be.within(9_000, 11_500);
    expect((await one!.get('a', { atLeastRevision: 1n })).freshness.degraded).to.equal(true);
    for (const consistency of [{ maxStalenessMs: 1000 }, { linearizable: true }, { atLeastRevision: 2n }]) {
      const failure = await cluster.run(failureOf(one!.get('a', consistency)));
      expect(failure.reason).to.equal('STORE_UNREACHABLE');
    }
    const relaxed = await cluster.run(one!.get('a', { maxStalenessMs: 60_000 }));
    expect(relaxed.freshness.degraded).to.equal(false);
    cluster.store.fail('none');
    await cluster.clock.advance(2_000);
    expect((await cluster.run(one!.get('a'))).freshness.degraded).to.equal(false);
  });

  it('C7: a store that hangs is unreachable for whoever may take a degraded answer, after half a second', async () => {
    cluster = await Cluster.start();
    const [one] = cluster.replicas;
    await cluster.run(one!.set('a', '1'));
    await cluster.run(one!.get('a'));
    cluster.store.fail('hang');
    await cluster.clock.advance(2_000);
    const startedAtMs = cluster.clock.monotonicMs();
    const read = await cluster.run(one!.get('a'));
    expect(read.freshness.degraded).to.equal(true);
    expect(cluster.clock.monotonicMs() - startedAtMs).to.be.at.most(501);
  });

  it('C12: callers of one key share a load, and keys of one tick share a statement', async () => {
    cluster = await Cluster.start({ replicas: 1 });
    const [one] = cluster.replicas;
    for (let at = 0; at < 20; at++) await cluster.run(one!.set(`k${at}`, 'x'));
    const fresh = await cluster.addReplica();
    cluster.valkey.load();
    const keys = Array.from({ length: 200 }, (_, at) => `k${at % 20}`);
    await cluster.run(Promise.all(keys.map((key) => fresh.get(key))));
    expect(fresh.telemetry.total('store_loads')).to.equal(20);
    expect(fresh.telemetry.total('store_reads')).to.be.at.most(2);
  });

  it('C12: a caller whose lookup was under way while a load ended shares what it brought', async () => {
    cluster = await Cluster.start();
    const [one, two] = cluster.replicas as [Replica, Replica];
    await cluster.run(one.set('a', 'x'));
    await cluster.clock.advance(10);
    cluster.valkey.load();
    const load = cluster.hold('read', 'answer');
    const first = two.get('a');
    await load.reached;
    const lookup = cluster.valkey.hold('get-answer', 'a');
    const second = two.get('a');
    await lookup.reached;
    load.release();
    expect((await cluster.run(first)).freshness.servedFrom).to.equal('store');
    lookup.release();
    expect((await cluster.run(second)).freshness.servedFrom).to.equal('near-cache');
    expect(two.telemetry.total('store_loads')).to.equal(1);
  });

  it('a batch is read at one revision, in the order asked for, and tells what is missing', async () => {
    cluster = await Cluster.start();
    const [one, two] = cluster.replicas;
    await cluster.run(one!.write([setText('a', '1'), setText('b', '2')]));
    const many = await cluster.run(two!.core.getMany(['b', 'x', 'a'], { linearizable: false }, two!.call()));
    expect(many.parameters).to.have.length(2);
    expect(many.missingKeys).to.deep.equal(['x']);
    expect(many.freshness.revision).to.equal(1n);
    const none = await cluster.run(two!.core.getMany([], { linearizable: false }, two!.call()));
    expect(none.freshness).to.include({ revision: 1n, servedFrom: 'near-cache' });
  });

  it('a batch that no answer can hold is refused without reading all of it', async () => {
    cluster = await Cluster.start({ replicas: 1 });
    const [one] = cluster.replicas;
    const keys = Array.from({ length: 40 }, (_, at) => `large:${at}`);
    const value = { kind: 'bytes_value', encoded: new Uint8Array(1 << 20) } as const;
    for (const key of keys) await cluster.run(one!.write([{ ...setText(key, ''), value } as never]));
    const two = await cluster.addReplica();
    cluster.valkey.load();
    const failure = await cluster.run(failureOf(two.core.getMany(keys, { linearizable: false }, two.call())));
    expect(failure).to.include({ reason: 'LIMIT_EXCEEDED', limit: 'response_bytes' });
    expect(two.telemetry.total('store_reads')).to.be.below(10);
  });

  it('group commit: writes that arrive while a batch is under way form the next one', async () => {
    cluster = await Cluster.start({ replicas: 1 });
    const [one] = cluster.replicas;
    const results = await cluster.run(
      Promise.all(Array.from({ length: 100 }, (_, at) => one!.set(`k${at}`, String(at)))),
    );
    expect(results.map(({ revision }) => revision)).to.deep.equal(
      Array.from({ length: 100 }, (_, at) => BigInt(at + 1)),
    );
    expect(new Set(cluster.store.log.map(({ batchId }) => batchId)).size).to.be.at.most(2);
  });

  it('C8: a batch whose answer was lost is done once, and its writers learn of it', async () => {
    cluster = await Cluster.start({ replicas: 1 });
    const [one] = cluster.replicas;
    cluster.store.fail('ambiguous-after-commit');
    const writing = one!.set('a', '1');
    await cluster.clock.advance(200);
    cluster.store.fail('none');
    expect((await cluster.run(writing)).revision).to.equal(1n);
    expect(cluster.store.log).to.have.length(1);
    expect(one!.telemetry.total('write_retries')).to.be.greaterThan(0);
  });

  it('C8: an outcome that cannot be found out is told as unknown', async () => {
    cluster = await Cluster.start({ replicas: 1 });
    const [one] = cluster.replicas;
    cluster.store.fail('ambiguous-before-commit');
    expect(await cluster.run(failureOf(one!.set('a', '1')))).to.deep.equal({
      reason: 'OUTCOME_UNKNOWN',
      retriable: false,
    });
    cluster.store.fail('unreachable');
    expect((await cluster.run(failureOf(one!.set('a', '1')))).reason).to.equal('STORE_UNREACHABLE');
  });
});
