import { expect } from 'chai';
import { Cluster } from './cluster.ts';

const KEYS = ['a', 'b'];

describe('loads of batches', () => {
  it('C12: those that read everything at once keep to the limit of statements too', async () => {
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
    const batches = Array.from({ length: 20 }, () => two!.core.getMany(KEYS, { linearizable: false }, two!.call()));
    // So often that what was gathered from two tiers has always changed by the time that it is together.
    for (let at = 0; at < 60; at++) {
      one!.set(KEYS[at % 2]!, `${at}`).catch(() => {});
      await cluster.clock.advance(3);
    }
    await cluster.run(Promise.all(batches));
    expect(two!.telemetry.total('store_reads') - reads, 'each read everything').to.be.above(20);
    expect(most).to.equal(2);
  });
});
