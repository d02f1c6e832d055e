import { expect } from 'chai';
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts';
import { createEchoWatch, type EchoWatch } from '../../../src/adapters/valkey/echo-watch.ts';

describe('valkey echo watch (C6)', () => {
  let clock: VirtualClock;
  let seen: string[];
  let echoes: EchoWatch;
  const taken = Promise.resolve(true);

  beforeEach(() => {
    clock = new VirtualClock();
    seen = [];
    echoes = createEchoWatch({ clock, check: (ms) => seen.push(`check ${ms}`), lost: () => seen.push('lost') });
  });

  it('is content with an echo, of this message or a later one', async () => {
    echoes.expect(5n, taken);
    echoes.expect(6n, taken);
    echoes.heard(4n);
    echoes.heard(6n);
    await clock.advance(5000);
    expect(seen).to.deep.equal([]);
  });

  it('doubts the socket so soon that its loss is known within 300 ms, with 50 to spare', async () => {
    echoes.expect(1n, taken);
    await clock.advance(250 - 100);
    expect(seen).to.deep.equal(['check 100']);
  });

  it('finds out that publisher and subscriber are on different servers', async () => {
    echoes.expect(1n, taken);
    await clock.advance(1100);
    expect(seen).to.deep.equal(['check 100', 'lost']);
  });

  it('blames nobody for a message that was not sent', async () => {
    echoes.expect(1n, Promise.resolve(false));
    await clock.advance(5000);
    expect(seen).to.deep.equal([]);
    echoes.expect(2n, new Promise(() => {}));
    await clock.advance(5000);
    expect(seen).to.deep.equal(['check 100']);
  });

  it('watches the next message after one', async () => {
    echoes.expect(1n, taken);
    echoes.heard(1n);
    echoes.expect(2n, taken);
    await clock.advance(120);
    expect(seen).to.deep.equal(['check 100']);
    echoes.forget();
    await clock.advance(5000);
    expect(seen).to.deep.equal(['check 100']);
  });
});
