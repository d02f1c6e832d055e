import { expect } from 'chai';
import { Cluster, type Replica, setText } from './cluster.ts';

describe('watches of the core', () => {
  let cluster: Cluster;
  let one: Replica;
  let two: Replica;
  beforeEach(async () => {
    cluster = await Cluster.start();
    [one, two] = cluster.replicas as [Replica, Replica];
  });
  afterEach(() => cluster.stop());

  it('C10: both replicas tell every change in order, once, from now on', async () => {
    await cluster.run(one.set('a', '0'));
    const readers = [one, two].map((replica) => replica.watch({}));
    await cluster.clock.advance(1);
    await cluster.run(one.set('a', '1'));
    await cluster.run(two.set('b', '2'));
    await cluster.run(one.remove('a'));
    await cluster.clock.advance(1);
    for (const reader of readers) {
      expect(reader.changes).to.deep.equal(['2 put a=1', '3 put b=2', '4 delete a']);
      expect(reader.kinds[0]).to.equal('progress');
    }
  });

  it('filters by keys and prefixes, and sends once what several match', async () => {
    const reader = one.watch({ keys: ['a:1', 'z'], prefixes: ['a:', 'a:1'] });
    await cluster.clock.advance(1);
    for (const key of ['a:1', 'a', 'b', 'z', 'a:2', 'zz']) await cluster.run(two.set(key, 'x'));
    await cluster.clock.advance(1);
    expect(reader.changes).to.deep.equal(['1 put a:1=x', '4 put z=x', '5 put a:2=x']);
  });

  it('C10: a revision is never split over two responses', async () => {
    const reader = two.watch({ prefixes: ['a'] });
    await cluster.clock.advance(1);
    await cluster.run(one.write([setText('a1', 'x'), setText('b', 'x'), setText('a2', 'x')]));
    await cluster.clock.advance(1);
    const changes = reader.batches.filter((batch) => batch.kind === 'changes');
    expect(changes).to.have.length(1);
    expect(reader.changes).to.deep.equal(['1 put a1=x', '1 put a2=x']);
  });

  it('C10: resumes from any revision, through the log and into the live stream without a gap', async () => {
    for (let at = 1; at <= 50; at++) await cluster.run(one.set(`k${at}`, 'x'));
    const readers = [1n, 2n, 25n, 50n, 51n].map((startRevision) => ({
      startRevision,
      reader: two.watch({ startRevision }),
    }));
    await cluster.clock.advance(1);
    for (let at = 51; at <= 60; at++) await cluster.run(one.set(`k${at}`, 'x'));
    await cluster.clock.advance(50);
    for (const { startRevision, reader } of readers) {
      const revisions = reader.changes.map((change) => Number(change.split(' ')[0]));
      const expected = Array.from({ length: 60 - Number(startRevision) + 1 }, (_, at) => Number(startRevision) + at);
      expect(revisions).to.deep.equal(expected);
    }
  });

  it('start_revision beyond head + 1 is lost, at head + 1 it waits', async () => {
    await cluster.run(one.set('a', '1'));
    const beyond = two.watch({ startRevision: 3n });
    const next = two.watch({ startRevision: 2n });
    await cluster.clock.advance(100);
    expect(beyond.failure?.failure.reason).to.equal('REVISION_LOST');
    expect(next.kinds).to.deep.equal(['progress']);
  });

  it('sends a snapshot first, in the order of keys, and goes on from its revision', async () => {
    for (const key of ['b', '\u{ffff}', '\u{1f600}', 'a:2', 'a:1', 'c']) await cluster.run(one.set(key, 'x'));
    await cluster.run(one.remove('c'));
    const reader = two.watch({ sendInitial: true, keys: ['b', 'missing'], prefixes: ['a:', '\u{ffff}', '\u{1f600}'] });
    await cluster.clock.advance(10);
    await cluster.run(one.set('a:3', 'y'));
    await cluster.clock.advance(10);
    const initial = reader.batches.flatMap((batch) => (batch.kind === 'initial' ? batch.parameters : []));
    expect(initial.map(({ key }) => key)).to.deep.equal(['a:1', 'a:2', 'b', '\u{ffff}', '\u{1f600}']);
    const complete = reader.batches.find((batch) => batch.kind === 'initial-complete');
    expect(complete).to.deep.equal({ kind: 'initial-complete', revision: 7n });
    expect(reader.changes).to.deep.equal(['8 put a:3=y']);
  });

  it('tells the previous value if asked, also of what came without it over the bus', async () => {
    await cluster.run(one.set('a', '1'));
    const reader = two.watch({ includePrevious: true });
    await cluster.clock.advance(1);
    await cluster.run(one.set('a', '2'));
    await cluster.run(one.remove('a'));
    await cluster.run(one.set('a', '3'));
    await cluster.clock.advance(50);
    const events = reader.batches.flatMap((batch) => (batch.kind === 'changes' ? batch.groups.flat() : []));
    expect(events.map(({ previous }) => previous?.revision ?? null)).to.deep.equal([1n, 2n, null]);
  });

  it('reports progress only when the revision moved on without an event for the watch', async () => {
    const reader = two.watch({ prefixes: ['a'], progressIntervalMs: 1000 });
    await cluster.clock.advance(5_000);
    expect(reader.kinds).to.deep.equal(['progress']);
    await cluster.run(one.set('b', 'x'));
    await cluster.clock.advance(5_000);
    expect(reader.batches.slice(1)).to.deep.equal([{ kind: 'progress', revision: 1n }]);
    await cluster.run(one.set('a', 'x'));
    await cluster.clock.advance(5_000);
    expect(reader.kinds).to.deep.equal(['progress', 'progress', 'changes']);
  });

  it('C11: a slow watch is bounded, slows nobody, and catches up from the log', async () => {
    const slow = two.watch({});
    const quick = two.watch({});
    await cluster.clock.advance(1);
    slow.pause();
    const text = 'x'.repeat(8_000);
    for (let at = 1; at <= 400; at++) await cluster.run(one.set(`k${at % 7}`, `${at}${text}`));
    expect(two.core.status().watchQueueBytes).to.be.below(1.1 * (1 << 20));
    expect(two.telemetry.total('watch_overflows')).to.be.greaterThan(0);
    expect(quick.changes).to.have.length(400);
    slow.resume();
    await cluster.clock.advance(500);
    expect(slow.changes).to.deep.equal(quick.changes);
  });

  it('history that is compacted is told, or replaced by a snapshot', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(2 * 3_600_000);
    for (let at = 11; at <= 12; at++) await cluster.run(one.set('a', String(at)));
    await cluster.run(cluster.store.upkeep.compact(3_600_000));
    const refused = two.watch({ startRevision: 5n });
    const replaced = two.watch({ startRevision: 5n, sendInitial: true });
    const fine = two.watch({ startRevision: 11n, sendInitial: true });
    await cluster.clock.advance(100);
    expect(refused.failure?.failure).to.deep.equal({
      reason: 'REVISION_COMPACTED',
      requested: 5n,
      oldestRevision: 11n,
    });
    expect(replaced.kinds.slice(0, 2)).to.deep.equal(['initial', 'initial-complete']);
    expect(fine.changes).to.deep.equal(['11 put a=11', '12 put a=12']);
  });

  it('goes on without the store, and through its return', async () => {
    const reader = two.watch({});
    await cluster.clock.advance(1);
    cluster.store.fail('unreachable');
    await cluster.clock.advance(30_000);
    cluster.store.fail('none');
    await cluster.clock.advance(2_000);
    await cluster.run(one.set('a', '1'));
    await cluster.clock.advance(10);
    expect(reader.changes).to.deep.equal(['1 put a=1']);
    expect(reader.failure).to.equal(undefined);
  });

  it('is bounded in all; a watch that is over makes room', async () => {
    const small = await cluster.addReplica({ watchesMax: 2 });
    const readers = [small.watch({}), small.watch({ sendInitial: true })];
    expect(() => small.watch({})).to.throw('RATE_LIMITED');
    readers[0]!.close();
    readers[0]!.close();
    small.watch({});
    expect(() => small.watch({})).to.throw('RATE_LIMITED');
  });

  it('a watch that is closed leaves nothing behind', async () => {
    const reader = two.watch({});
    await cluster.clock.advance(1);
    expect(two.core.status().watchers).to.equal(1);
    reader.close();
    await cluster.clock.advance(1);
    expect(two.core.status().watchers).to.equal(0);
    expect(reader.failure?.failure.reason).to.equal('CANCELLED');
  });
});
