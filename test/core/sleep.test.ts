import { expect } from 'chai';
import type { Freshness } from '../../src/model/errors.ts';
import { Cluster } from './cluster.ts';

/** More than follow from the answer of a head read until the read that waits for it is done. */
const MICROTASKS = 60;

describe('reads while the machine sleeps', () => {
  it('C5, C7: at whatever moment, none is degraded that must not be', async () => {
    const cluster = await Cluster.start({ limits: { pollIntervalMs: 3_600_000, idlePollIntervalMs: 3_600_000 } });
    const [one, two] = cluster.replicas;
    await cluster.run(one!.set('a', 'x'));
    await cluster.run(two!.get('a'));
    const consistency = { maxStalenessMs: 100, linearizable: false };
    const reads: readonly (() => Promise<{ readonly freshness: Freshness }>)[] = [
      () => two!.core.getMany(['a'], consistency, two!.call()),
      async () => two!.core.get('a', consistency, two!.call()),
    ];
    for (const read of reads) {
      for (let microtasks = 0; microtasks < MICROTASKS; microtasks++) {
        // The lease has run out, and the read asks for the head.
        await cluster.clock.advance(150);
        let asked = false;
        cluster.delay = (call, phase) => {
          if (asked || call !== 'readHead' || phase !== 'answer') return undefined;
          asked = true;
          void sleepAfter(microtasks, cluster);
          return undefined;
        };
        const { freshness } = await cluster.run(read());
        expect(asked).to.equal(true);
        expect(freshness.degraded, `after ${microtasks} microtasks`).to.equal(false);
        expect(freshness.stalenessBoundMs).to.be.below(100);
      }
    }
    await cluster.stop();
  });
});

async function sleepAfter(microtasks: number, { clock }: Cluster): Promise<void> {
  for (let at = 0; at < microtasks; at++) await undefined;
  clock.jumpWall(60_000);
}
