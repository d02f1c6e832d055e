import { expect } from 'chai';
import type { StoreCall } from '../../src/adapters/memory/store.ts';
import { Cluster, failureOf, type Replica } from './cluster.ts';

const KEYS = ['a', 'b'];

describe('loads of batches', () => {
  /** Reads batches while their keys change. @returns how many statements that took, and how many at most at once */
  async function readWhileWriting(batches: readonly (readonly string[])[]) {
    const cluster = await Cluster.start({ limits: { loadsConcurrentMax: 2, nearCacheEntriesMax: 1 } });
    const [one, two] = cluster.replicas;
    cluster.valkey.mode = 'failing';
    let inFlight = 0;
    let most = 0;
    cluster.delay = (call, phase) => {
      if (call !== 'read') return undefined;
      inFlight += phase === 'request' ? 1 : -1;
      most = Math.max(most, inFlight);
      return new Promise((resolve) => void cluster.clock.setTimer(10, resolve));
    };
    await cluster.run(one!.set('a', 'x'));
    const reads = two!.telemetry.total('store_reads');
    const answers = batches.map((keys) => two!.core.getMany(keys, { linearizable: false }, two!.call()));
    // So often that what was gathered from two tiers has always changed by the time that it is together.
    for (let at = 0; at < 60; at++) {
      one!.set(KEYS[at % 2]!, `${at}`).catch(() => {});
      await cluster.clock.advance(3);
    }
    await cluster.run(Promise.all(answers));
    const statements = two!.telemetry.total('store_reads') - reads;
    await cluster.stop();
    return { statements, most };
  }

  it('C12: those that read everything at once keep to the limit of statements too', async () => {
    const { statements, most } = await readWhileWriting(Array.from({ length: 20 }, (_, at) => [...KEYS, `k${at}`]));
    expect(statements, 'each read everything').to.be.above(20);
    expect(most).to.equal(2);
  });

  it('C12: those that read the same keys at once share a statement', async () => {
    const { statements } = await readWhileWriting(Array.from({ length: 20 }, () => KEYS));
    expect(statements).to.equal(3);
  });

  it('C12: one that is refused leaves no load behind that nobody waits for', async () => {
    const cluster = await Cluster.start({ replicas: 1, limits: { loadWaitersMax: 3 } });
    const [one] = cluster.replicas;
    const hold = cluster.hold('read', 'request');
    const refused = one!.core.getMany(['a', 'b', 'c', 'd'], { linearizable: false }, one!.call());
    expect(await cluster.run(failureOf(refused))).to.deep.include({ reason: 'RATE_LIMITED', limit: 'load_waiters' });
    const single = one!.text('e');
    await cluster.clock.advance(10);
    hold.release();
    expect(await cluster.run(single)).to.equal(undefined);
    await cluster.stop();
  });

  describe('that are late', () => {
    let cluster: Cluster;
    let one: Replica;
    let two: Replica;
    beforeEach(async () => {
      cluster = await Cluster.start();
      [one, two] = cluster.replicas as [Replica, Replica];
      cluster.valkey.mode = 'failing';
    });
    afterEach(() => {
      cluster.delay = () => undefined;
      return cluster.stop();
    });
    const hangs = (name: StoreCall) => {
      cluster.delay = (call) =>
        call === name ? new Promise((resolve) => cluster.clock.setTimer(10_000, resolve)) : undefined;
    };
    const late = async (read: Promise<unknown>) => {
      const failure = await cluster.run(failureOf(read));
      return failure.reason === 'CONSISTENCY_NOT_MET' ? failure.wanted : failure.reason;
    };

    it('say so of the store, as a single read does', async () => {
      hangs('read');
      const reads = [two.core.getMany(KEYS, { linearizable: false }, two.call()), two.get('a')].map(late);
      expect(await Promise.all(reads)).to.deep.equal(['what the store holds', 'what the store holds']);
    });

    it('say so of this replica, if it is behind what the store has', async () => {
      cluster.channel.route = () => [];
      hangs('readLog');
      const { revision } = await cluster.run(one.set('a', 'x'));
      const read = two.core.getMany(KEYS, { linearizable: false }, two.call());
      expect(await late(read)).to.equal(`its keys as of revision ${revision}`);
    });
  });
});
