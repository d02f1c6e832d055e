import { expect } from 'chai';
import type { Announcement } from '../../src/ports/bus.ts';
import { Cluster, type Replica, setText } from './cluster.ts';

describe('announcements', () => {
  let cluster: Cluster;
  let one: Replica;
  let two: Replica;
  let announcements: Announcement[];
  beforeEach(async () => {
    cluster = await Cluster.start();
    [one, two] = cluster.replicas as [Replica, Replica];
    announcements = [];
    cluster.channel.route = (announcement) => {
      announcements.push(announcement);
      return [0];
    };
  });
  afterEach(() => cluster.stop());

  it('C13: one that does not chain to what was applied is not applied, whatever it says', async () => {
    await cluster.run(one.set('a', '1'));
    await cluster.clock.advance(1);
    const [real] = announcements;
    await cluster.run(two.get('a'));
    const batchId = 'f'.repeat(32);
    const entry = { revision: 2n, batchId, events: [{ type: 'delete', key: 'a', revision: 2n } as const] };
    cluster.channel.inject({ ...real!, from: 2n, to: 2n, previousBatchId: 'e'.repeat(32), entries: [entry] });
    await cluster.clock.advance(100);
    expect(two.core.status().applied).to.equal(1n);
    expect(await cluster.run(two.text('a'))).to.equal('1');
  });

  it('that come doubled, late or out of order are applied once and in order', async () => {
    const delays = [40, 1, 25, 7];
    cluster.channel.route = () => [delays.shift() ?? 0, 3];
    const reader = two.watch({});
    await cluster.clock.advance(1);
    for (let at = 1; at <= 4; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(100);
    expect(reader.changes).to.deep.equal(['1 put a=1', '2 put a=2', '3 put a=3', '4 put a=4']);
  });

  it('that came too early are applied as soon as the missing one is there, and no log is read for them', async () => {
    const delays = [8, 3, 2, 1];
    cluster.channel.route = () => [delays.shift() ?? 0];
    await cluster.clock.advance(1_500);
    const reads = two.telemetry.total('log_reads');
    for (let at = 1; at <= 4; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(5);
    expect(two.core.status().applied).to.equal(0n);
    await cluster.clock.advance(4);
    expect(two.core.status().applied).to.equal(4n);
    expect(two.telemetry.total('log_reads')).to.equal(reads);
  });

  it('that never come are repaired from the log, and the bus is suspected', async () => {
    await cluster.run(two.get('a'));
    cluster.channel.route = () => [];
    await cluster.run(one.set('a', '1'));
    await cluster.clock.advance(1_500);
    expect(two.core.status().applied).to.equal(1n);
    expect(two.telemetry.total('bus_repaired')).to.equal(1);
  });

  it('a hole between two is filled from the log within milliseconds', async () => {
    cluster.channel.route = () => [];
    await cluster.run(one.set('a', '1'));
    cluster.channel.route = () => [0];
    await cluster.run(one.set('a', '2'));
    await cluster.clock.advance(15);
    expect(two.core.status().applied).to.equal(2n);
  });

  it('without their values drop the entry, and a watch reads the values from the log', async () => {
    await cluster.run(one.set('a', '1'));
    await cluster.run(two.get('a'));
    const reader = two.watch({});
    await cluster.clock.advance(1);
    cluster.channel.carry = (announcement) => ({
      ...announcement,
      entries: announcement.entries.map((entry) => ({
        ...entry,
        events: entry.events.map(({ type, key, revision }) => ({ type, key, revision })),
      })),
    });
    await cluster.run(one.write([setText('a', '2'), setText('b', '2')]));
    await cluster.clock.advance(20);
    expect(await cluster.run(two.text('a'))).to.equal('2');
    expect(reader.changes).to.deep.equal(['2 put a=2', '2 put b=2']);
  });

  it('of another epoch are dropped if it is older, and looked into if it is newer', async () => {
    await cluster.run(one.set('a', '1'));
    const [real] = announcements;
    const polls = two.telemetry.total('polls');
    cluster.channel.inject({ ...real!, epochId: '0'.repeat(32), from: 2n, to: 2n });
    await cluster.clock.advance(1);
    expect(two.telemetry.total('bus_dropped')).to.equal(1);
    cluster.channel.inject({ ...real!, epochId: '0'.repeat(32), epochNumber: 9n, from: 2n, to: 2n });
    await cluster.clock.advance(1);
    expect(two.telemetry.total('polls')).to.equal(polls + 1);
    expect(two.core.status().applied).to.equal(1n);
  });
});
