import { expect } from 'chai';
import type { MemoryStore, StoreCall } from '../../src/adapters/memory/store.ts';
import { Cluster, type Replica, textOf } from './cluster.ts';

const EVERYTHING: ReadonlySet<StoreCall> = new Set([
  'read',
  'list',
  'readEntry',
  'commit',
  'startEpoch',
  'epochs',
  'readHead',
  'readLog',
]);
const RARE_POLLS = { pollIntervalMs: 60_000, idlePollIntervalMs: 60_000 };

// Two servers gave the same numbers to different writes: only the batches tell.
describe('logs that parted', () => {
  let cluster: Cluster;
  let one: Replica;
  let two: Replica;
  beforeEach(async () => {
    cluster = await Cluster.start();
    [one, two] = cluster.replicas as [Replica, Replica];
  });
  afterEach(() => cluster.stop());

  it('C5, C9, C10: one that has gone on beyond what was applied is told apart by the batch at that place', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    expect(await cluster.run(two.text('a'))).to.equal('10');
    const watch = two.watch({ startRevision: 1n });
    await cluster.clock.advance(50);
    expect(watch.changes).to.have.length(10);
    await cluster.run(one.core.stop());
    two.gate.close();
    cluster.channel.route = () => [];
    cluster.store.crash({ loseAfter: 7n });
    const stranger = await cluster.addReplica();
    for (let at = 8; at <= 10; at++) await cluster.run(stranger.set('a', `other ${at}`));
    for (let at = 11; at <= 12; at++) await cluster.run(stranger.set('b', String(at)));
    two.gate.open();
    await cluster.clock.advance(3_000);
    expect(await cluster.run(two.text('a'))).to.equal('other 10');
    expect(watch.failure?.failure.reason).to.equal('REVISION_LOST');
    expect(cluster.store.knownEpochs.at(-1)?.lostAfter).to.equal(7n);
  });

  it('C9: an announcement that brings another batch than the head told is looked into at once', async () => {
    const three = await cluster.addReplica(RARE_POLLS);
    await cluster.run(one.set('a', '1'));
    await cluster.clock.advance(10);
    let lateMs: readonly number[] = [27];
    cluster.channel.route = () => lateMs;
    await cluster.run(one.set('a', 'lost'));
    lateMs = [];
    for (const { core } of [one, two]) await cluster.run(core.stop());
    cluster.store.crash({ loseAfter: 1n });
    const stranger = await cluster.addReplica(RARE_POLLS);
    await cluster.run(stranger.set('a', 'other'));
    await cluster.clock.advance(20);
    // A caller that makes it read the head, and leaves.
    const deadlineAtMs = cluster.clock.monotonicMs() + 2;
    await cluster.run(three.get('a', { maxStalenessMs: 0 }, { deadlineAtMs }).catch(() => {}));
    expect(three.core.status().applied).to.equal(1n);
    await cluster.clock.advance(30);
    expect(cluster.store.knownEpochs.at(-1)).to.include({ number: 1n, lostAfter: 1n });
  });

  it('a write that was acknowledged in the other log holds no cache back, though its number is the greater one', async () => {
    await cluster.run(one.set('a', 'x'));
    await cluster.clock.advance(10);
    const released = Promise.withResolvers<void>();
    let held = false;
    const promoted = (incarnation: string, chance: number): MemoryStore =>
      cluster.store.copy(
        {
          clock: cluster.clock,
          random: () => chance,
          incarnation,
          delay: (call) => (held && (call === 'readHead' || call === 'readLog') ? released.promise : undefined),
        },
        1n,
      );
    const greater = promoted('apart-1', 0.9);
    const lesser = promoted('apart-2', 0.1);
    const third = await cluster.addReplica();
    for (const { gate } of [one, two]) gate.astray = { calls: EVERYTHING, to: greater };
    third.gate.astray = { calls: EVERYTHING, to: lesser };
    await cluster.clock.advance(3_000);
    expect(greater.head.epoch.startRevision > lesser.head.epoch.startRevision).to.equal(true);

    // Acknowledged, and not applied: what was written before it is not known here.
    cluster.channel.route = () => [];
    held = true;
    await cluster.run(two.set('hole', 'x'));
    const { revision } = await cluster.run(one.set('a', 'lost'));
    expect(one.core.status().applied < revision).to.equal(true);
    for (const { gate } of [one, two]) gate.astray = { calls: EVERYTHING, to: lesser };
    greater.fail('unreachable');
    held = false;
    released.resolve();
    await cluster.clock.advance(3_000);
    expect(one.core.status().applied < revision).to.equal(true);
    expect(await cluster.run(one.text('a'))).to.equal('x');
    expect((await cluster.run(one.get('a'))).freshness.servedFrom).to.equal('near-cache');
    const { parameters } = await cluster.run(one.core.getMany(['a', 'b'], { linearizable: false }, one.call()));
    expect(parameters.map(textOf)).to.deep.equal(['x']);
  });
});
