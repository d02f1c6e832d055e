import { expect } from 'chai';
import { MemoryBus, MemoryChannel } from '../../../src/adapters/memory/bus.ts';
import { disabledBus } from '../../../src/adapters/memory/bus-disabled.ts';
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts';
import { announcement, busContract, Ear } from '../../contract/bus.ts';

busContract('memory', async () => {
  const channels = new Map<string, MemoryChannel>();
  return {
    attach: async (installationId = 'installation') => {
      const channel = channels.get(installationId) ?? new MemoryChannel(new VirtualClock());
      channels.set(installationId, channel);
      return new MemoryBus({ channel });
    },
    close: async () => {},
  };
});

describe('memory bus', () => {
  let clock: VirtualClock;
  let channel: MemoryChannel;
  let a: MemoryBus;
  let b: MemoryBus;
  let ear: Ear;

  beforeEach(async () => {
    clock = new VirtualClock();
    channel = new MemoryChannel(clock);
    a = new MemoryBus({ channel });
    b = new MemoryBus({ channel });
    ear = new Ear();
    b.listen(ear);
    await ear.until(() => ear.connections === 1);
  });

  it('drops, doubles, delays, reorders, strips and injects', async () => {
    const routes = [[], [0, 0], [20], [10]];
    channel.route = () => routes.shift() ?? [0];
    for (const from of [1n, 2n, 3n, 4n]) a.publish(announcement(from, ['x']));
    await ear.until(() => ear.heard.length === 2);
    await clock.advance(30);
    channel.carry = (whole) => ({ ...whole, entries: [] });
    channel.inject(announcement(5n, ['x']));
    await ear.until(() => ear.heard.length === 5);
    expect(ear.heard.map((heard) => heard.from)).to.deep.equal([2n, 2n, 4n, 3n, 5n]);
    expect(ear.heard[4]!.entries).to.deep.equal([]);
  });

  it('tells of a lost connection and of the next one', async () => {
    b.disconnect();
    expect([b.state(), ear.disconnections]).to.deep.equal(['disconnected', 1]);
    a.publish(announcement(1n, ['x']));
    b.connect();
    expect([b.state(), ear.connections]).to.deep.equal(['connected', 2]);
    a.publish(announcement(2n, ['x']));
    await ear.until(() => ear.heard.length === 1);
    expect(ear.heard[0]!.from).to.equal(2n);
  });

  it('notices a half-open connection: idle, when it publishes, when suspected (C6)', async () => {
    for (const [provoke, noticeMs] of [
      [() => {}, 3000],
      [() => b.publish(announcement(1n, ['x'])), 250],
      [() => b.suspect(), 200],
    ] as const) {
      b.connect();
      b.deafen();
      provoke();
      await clock.advance(noticeMs - 1);
      expect(b.state()).to.equal('connected');
      await clock.advance(1);
      expect(b.state()).to.equal('disconnected');
    }
  });

  it('is disabled without Valkey', async () => {
    disabledBus.listen(ear);
    disabledBus.publish(announcement(1n, ['x']));
    disabledBus.suspect();
    expect(disabledBus.state()).to.equal('disabled');
    await disabledBus.close();
  });
});
