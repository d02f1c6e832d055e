import { expect } from 'chai';
import { Throttle } from '../../src/client/throttle.ts';
import { seededRandom } from '../support/seeded-random.ts';

describe('client: throttle', () => {
  let nowMs: number;
  let throttle: Throttle;
  beforeEach(() => {
    nowMs = 0;
    throttle = new Throttle(() => nowMs, seededRandom(1));
  });

  /** A thousand calls per second, of which a replica answers so many. @returns the share that is sent */
  function calls(seconds: number, answeredPerSecond: number): number {
    let sent = 0;
    let room = 0;
    for (let call = 0; call < seconds * 1000; call++) {
      nowMs += 1;
      room = Math.min(room + answeredPerSecond / 1000, 100);
      if (!throttle.admits()) continue;
      sent += 1;
      throttle.ended(room < 1);
      if (room >= 1) room -= 1;
    }
    return sent / (seconds * 1000);
  }

  it('keeps nothing back of what is answered', () => {
    expect(calls(10, 1000)).to.equal(1);
  });

  it('keeps nothing back after a few refusals', () => {
    throttle.ended(true);
    expect(calls(10, 1000)).to.be.greaterThan(0.999);
  });

  it('sends little more than twice of what is answered, at five times of it', () => {
    calls(10, 200);
    expect(calls(20, 200)).to.be.within(0.35, 0.5);
  });

  it('finds out that the replica answers again, by the few calls that it sends', () => {
    calls(20, 0);
    expect(calls(5, 0)).to.be.lessThan(0.1);
    calls(5, 1000);
    expect(calls(5, 1000)).to.be.greaterThan(0.9);
  });
});
