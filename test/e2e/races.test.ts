import { expect } from 'chai';
import type { StoreCall } from '../../src/adapters/memory/store.ts';
import { Cluster, failureOf, type Replica, setText, textOf } from '../core/cluster.ts';

/** The races that lose in other caches, each held at its worst moment: replicas in memory, on virtual time. */
describe('races between reads, writes and announcements', () => {
  let cluster: Cluster;
  let one: Replica;
  let two: Replica;
  beforeEach(async () => {
    cluster = await Cluster.start();
    [one, two] = cluster.replicas as [Replica, Replica];
  });
  afterEach(async () => {
    for (const { gate } of cluster.replicas) gate.open();
    await cluster.stop();
  });

  /** Holds the next such call to the store. @returns reached, and what lets it go on */
  function holdStore(name: StoreCall, at: 'request' | 'answer') {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    let held = false;
    cluster.delay = (call, phase) => {
      if (held || call !== name || phase !== at) return undefined;
      held = true;
      reached.resolve();
      return released.promise;
    };
    return { reached: reached.promise, release: () => released.resolve() };
  }

  /** No replica answers with anything else, from no tier: each forgets its near cache once. */
  async function expectEverywhere(key: string, text: string | undefined) {
    for (const replica of cluster.replicas) expect(await cluster.run(replica.text(key))).to.equal(text);
    const fresh = await cluster.addReplica();
    expect(await cluster.run(fresh.text(key)), 'by way of the shared cache').to.equal(text);
  }

  /** Two knows "a" = old; nothing of it is in its near cache or in the shared one. */
  async function writeOld() {
    await cluster.run(one.set('a', 'old'));
    await cluster.clock.advance(10);
    cluster.valkey.load();
  }

  it('C5, C13: a fill that read the old value from the store, overtaken by a write elsewhere, is not kept', async () => {
    await writeOld();
    const hold = holdStore('read', 'answer');
    const early = two.text('a');
    await hold.reached;
    await cluster.run(one.set('a', 'new'));
    await cluster.clock.advance(1);
    hold.release();
    // It began before the write, so the old value is right for it, and for nobody after it.
    expect(await cluster.run(early)).to.equal('old');
    await cluster.clock.advance(1);
    await expectEverywhere('a', 'new');
  });

  it('C5, C13: the same with the announcement still on its way when the fill lands', async () => {
    await writeOld();
    const hold = holdStore('read', 'answer');
    const early = two.text('a');
    await hold.reached;
    cluster.channel.route = () => [300];
    await cluster.run(one.set('a', 'new'));
    hold.release();
    await cluster.run(early);
    await cluster.clock.advance(310);
    await expectEverywhere('a', 'new');
  });

  it('C5, C13: a fill that read the old value from the shared cache, overtaken by a write elsewhere, is not kept', async () => {
    await cluster.run(one.set('a', 'old'));
    await cluster.clock.advance(1);
    const hold = cluster.valkey.hold('get-answer', 'a');
    const early = two.get('a');
    await hold.reached;
    await cluster.run(one.set('a', 'new'));
    await cluster.clock.advance(1);
    hold.release();
    await cluster.run(early);
    await expectEverywhere('a', 'new');
  });

  it('C13: a fill of the shared cache that is overtaken by a write does not replace it', async () => {
    await writeOld();
    const hold = cluster.valkey.hold('put-request', 'a');
    await cluster.run(two.text('a'));
    await hold.reached;
    await cluster.run(one.set('a', 'new'));
    await cluster.clock.advance(1);
    hold.release();
    await cluster.clock.advance(10);
    await expectEverywhere('a', 'new');
  });

  it('C13: a fill overtaken by a delete does not bring the key back', async () => {
    await writeOld();
    const hold = cluster.valkey.hold('put-request', 'a');
    await cluster.run(two.text('a'));
    await hold.reached;
    await cluster.run(one.remove('a'));
    await cluster.clock.advance(1);
    hold.release();
    await cluster.clock.advance(10);
    await expectEverywhere('a', undefined);
  });

  it('C13: a write whose put to the shared cache fails leaves the old entry there, and nobody believes it', async () => {
    await cluster.run(one.set('a', 'old'));
    await cluster.clock.advance(1);
    const before = cluster.valkey.dump();
    cluster.valkey.mode = 'failing';
    await cluster.run(one.set('a', 'new'));
    await cluster.clock.advance(1);
    cluster.valkey.mode = 'working';
    cluster.valkey.load(before);
    await expectEverywhere('a', 'new');
  });

  it('C5, C6: an announcement lost while the subscriber reconnects is found by reading the log', async () => {
    await cluster.run(one.set('a', 'old'));
    await cluster.run(two.text('a'));
    two.bus.disconnect();
    await cluster.run(one.set('a', 'new'));
    two.bus.connect();
    await cluster.clock.advance(1);
    expect(await cluster.run(two.text('a'))).to.equal('new');
  });

  it('C1: a read that joins a load begun before the write on its replica does not get what that load read', async () => {
    await writeOld();
    cluster.channel.route = () => [];
    await cluster.run(one.set('hole', 'x')); // keeps two behind, so that only the floor protects it
    const hold = holdStore('read', 'answer');
    const early = two.text('a');
    await hold.reached;
    await cluster.run(two.set('a', 'new'));
    const late = two.text('a');
    await cluster.clock.advance(1); // it has looked into the caches, and waits
    hold.release();
    expect(await cluster.run(late)).to.equal('new');
    await cluster.run(early);
    await cluster.clock.advance(600);
    await expectEverywhere('a', 'new');
  });

  it('linearizable: a read that joins a load begun before a write elsewhere does not get what that load read', async () => {
    await writeOld();
    cluster.channel.route = () => [];
    const hold = holdStore('read', 'answer');
    const early = two.text('a');
    await hold.reached;
    await cluster.run(one.set('a', 'new'));
    const late = two.text('a', { linearizable: true });
    await cluster.clock.advance(1);
    hold.release();
    expect(await cluster.run(late)).to.equal('new');
    await cluster.run(early);
  });

  it('a batch is never torn by a Commit that comes between its parts', async () => {
    const pair = (text: string) => [setText('left', text), setText('right', text)];
    await cluster.run(one.write(pair('0')));
    await cluster.clock.advance(1);
    for (let round = 1; round <= 20; round++) {
      // Left is near, right must be loaded; the Commit falls between, with the announcement early or late.
      await cluster.run(two.get('left'));
      cluster.valkey.load();
      const delayMs = round % 2 === 0 ? 0 : 40;
      cluster.channel.route = () => [delayMs];
      const hold = holdStore('read', round % 4 < 2 ? 'request' : 'answer');
      const batch = two.core.getMany(['left', 'right'], { linearizable: false }, two.call());
      await Promise.race([hold.reached, batch]);
      await cluster.run(one.write(pair(String(round))));
      hold.release();
      const { parameters } = await cluster.run(batch);
      const [left, right] = parameters.map(textOf);
      expect(left, `round ${round}`).to.equal(right);
      await cluster.clock.advance(50);
    }
  });

  it('C1: a write repeated with its request id at another replica is seen there', async () => {
    await cluster.run(one.set('a', 'old'));
    await cluster.run(two.text('a'));
    cluster.channel.route = () => []; // one dies before it publishes
    await cluster.run(one.set('a', 'new', { requestId: 'r' }));
    await cluster.run(two.set('a', 'new', { requestId: 'r' }));
    expect(await two.text('a')).to.equal('new');
  });

  it('C1: a delete that found nothing any more is seen on its replica', async () => {
    await cluster.run(one.set('a', 'old'));
    await cluster.run(two.text('a'));
    cluster.channel.route = () => [];
    await cluster.run(one.remove('a'));
    await cluster.run(two.write([{ type: 'delete', key: 'a', allowMissing: true }]));
    expect(await cluster.run(two.text('a'))).to.equal(undefined);
  });

  it('C10: reads with a lax bound do not keep the next poll away, which a lost announcement waits for', async () => {
    const reader = two.watch({});
    await cluster.run(two.core.getMany(['a'], { linearizable: false }, two.call()));
    cluster.channel.route = () => [];
    await cluster.run(one.set('a', 'new'));
    for (let elapsedMs = 0; elapsedMs < 300; elapsedMs += 50) {
      await cluster.run(two.core.getMany(['a'], { linearizable: false, maxStalenessMs: 60_000 }, two.call()));
      await cluster.clock.advance(50);
    }
    expect(reader.changes).to.deep.equal(['1 put a=new']);
  });

  it('C2: a revision that a failover lost is not answered while the epoch is being found out', async () => {
    for (let at = 1; at <= 7; at++) await cluster.run(one.set('a', String(at)));
    await cluster.run(two.text('a'));
    cluster.channel.route = () => [];
    for (let at = 8; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('after-failover');
    await cluster.run(one.set('b', 'x')); // begins the epoch, which two has not heard of
    const calls = [
      two.get('a', { atLeastRevision: 9n }),
      two.get('unknown', { atLeastRevision: 9n }),
      two.core.getMany(['a', 'c'], { linearizable: false, atLeastRevision: 9n }, two.call()),
    ];
    for (const failure of calls.map(failureOf)) expect((await cluster.run(failure)).reason).to.equal('REVISION_LOST');
  });

  it('C10: a snapshot of a state that a failover loses while it is sent ends with REVISION_LOST', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set(`k${at}`, 'x'));
    const watch = two.core.watch(
      {
        keys: [],
        prefixes: [''],
        startRevision: 0n,
        sendInitial: true,
        includePrevious: false,
        progressIntervalMs: 1e4,
      },
      two.call({ deadlineAtMs: Number.POSITIVE_INFINITY }),
    );
    expect((await cluster.run(watch.next())).kind).to.equal('initial');
    expect((await cluster.run(watch.next())).kind).to.equal('initial-complete');
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('after-failover');
    await cluster.run(two.set('b', 'x'));
    expect((await cluster.run(failureOf(watch.next()))).reason).to.equal('REVISION_LOST');
    watch.close();
  });

  it('C10: a watch that has not been sent what was lost goes on', async () => {
    for (let at = 1; at <= 7; at++) await cluster.run(one.set('a', String(at)));
    const reader = one.watch({ prefixes: ['a'] });
    await cluster.clock.advance(1);
    for (let at = 8; at <= 10; at++) await cluster.run(one.set('elsewhere', String(at)));
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(1_000);
    await cluster.run(one.set('a', 'after'));
    await cluster.clock.advance(1_000);
    expect(reader.failure).to.equal(undefined);
    expect(reader.changes.map((change) => change.split('=')[1])).to.deep.equal(['after']);
  });

  it('C10: what parted from the log before another replica began the epoch is known to be lost', async () => {
    for (let at = 1; at <= 7; at++) await cluster.run(one.set('a', String(at)));
    const stranger = await cluster.addReplica();
    const readers = [one, two].map((replica) => replica.watch({ startRevision: 1n }));
    await cluster.clock.advance(10);
    stranger.gate.close(); // it sleeps, and knows nothing of 8 to 10
    cluster.channel.route = (_announcement, to) => (to === stranger.bus ? [] : [0]);
    for (let at = 8; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(10);
    // Another primary with other revisions 8 to 10; who knows only these begins the epoch.
    for (const replica of [one, two]) replica.gate.close();
    cluster.store.crash({ loseAfter: 7n });
    stranger.gate.open();
    for (let at = 8; at <= 10; at++) await cluster.run(stranger.set('a', `other ${at}`));
    cluster.store.setIncarnation('after-failover');
    const { revision } = await cluster.run(stranger.set('a', 'in the new epoch'));
    for (const replica of [one, two]) replica.gate.open();
    await cluster.clock.advance(3_000);
    for (const reader of readers) expect(reader.failure?.failure.reason).to.equal('REVISION_LOST');
    expect(cluster.store.knownEpochs).to.have.length(2);
    for (const replica of [one, two]) {
      expect(await cluster.run(replica.text('a', { atLeastRevision: revision }))).to.equal('in the new epoch');
    }
  });

  it('C2: what is written after a failover is not lost in the next one, which a replica finds that had not heard of it', async () => {
    for (let at = 1; at <= 7; at++) await cluster.run(one.set('a', String(at)));
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(2_000);
    cluster.channel.route = () => [];
    const { revision } = await cluster.run(one.set('a', 'kept'));
    one.gate.close();
    cluster.store.setIncarnation('after-another-failover');
    await cluster.clock.advance(2_000);
    expect(cluster.store.knownEpochs).to.have.length(3);
    expect(await cluster.run(two.text('a', { atLeastRevision: revision }))).to.equal('kept');
  });

  it('a miss waits for a slow store as long as its caller does, where there is nothing else to answer', async () => {
    await writeOld();
    cluster.delay = (call, phase) =>
      call === 'read' && phase === 'answer'
        ? new Promise((resolve) => cluster.clock.setTimer(1_500, () => resolve()))
        : undefined;
    expect(await cluster.run(two.text('a'))).to.equal('old');
  });
});
