import { expect } from 'chai';
import { Cluster, type Replica } from './cluster.ts';

const _LABELS_ONLY = {
  type: 'set',
  key: 'a',
  labels: new Map([['team', 'x']]),
  removeLabels: [],
  allowKindChange: false,
} as const;

describe('answers of the store that come late', () => {
  let cluster: Cluster;
  let one: Replica;
  let two: Replica;
  beforeEach(async () => {
    cluster = await Cluster.start();
    [one, two] = cluster.replicas as [Replica, Replica];
  });
  afterEach(() => cluster.stop());

  /** The next failover: a new epoch, known to every replica. */
  async function failOver(loseAfter?: bigint) {
    if (loseAfter !== undefined) cluster.store.crash({ loseAfter });
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(3_000);
  }

  it('C9: one from before an epoch change begins no other epoch', async () => {
    for (let at = 1; at <= 5; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(10);
    cluster.valkey.load();
    const hold = cluster.hold('read', 'answer');
    const late = two.text('a');
    await hold.reached;
    await failOver();
    const { revision } = await cluster.run(one.set('a', 'after'));
    await cluster.clock.advance(500);
    hold.release();
    expect(await cluster.run(late)).to.equal('after');
    await cluster.clock.advance(2_000);
    expect(cluster.store.knownEpochs.map(({ number }) => number)).to.deep.equal([0n, 1n]);
    expect(await cluster.run(two.text('a', { atLeastRevision: revision }))).to.equal('after');
  });
});
