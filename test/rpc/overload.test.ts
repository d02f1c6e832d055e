import { expect } from 'chai';
import { Overload } from '../../src/rpc/overload.ts';
import { realClock } from './rpc-fixture.ts';

describe('overload', () => {
  let nowMs: number;
  let busyShare: number;
  let open: number;
  let taken: number;
  let overload: Overload;
  beforeEach(() => {
    nowMs = 0;
    busyShare = 1;
    open = 0;
    taken = 0;
    const clock = { ...realClock, monotonicMs: () => nowMs };
    overload = new Overload(clock, { count: () => open, taken: () => taken }, () => busyShare);
  });

  /** A window in which so many answers are taken. @returns whether the call at its end is refused */
  function window(answers: number): boolean {
    nowMs += 250;
    taken += answers;
    return overload.refuses();
  }

  const windows = (count: number, answers: number) => Array.from({ length: count }, () => window(answers));

  it('is when there has been no rest for two seconds, and the last of the open calls would wait too long', () => {
    open = 600;
    expect(windows(7, 500)).to.not.include(true);
    expect(window(500)).to.equal(true);
  });

  it('is none while there is time left over, however many calls wait for something else', () => {
    open = 100_000;
    busyShare = 0.9;
    expect(windows(20, 1)).to.not.include(true);
  });

  it('is none while open calls are answered soon, however busy the process is', () => {
    open = 1000;
    expect(windows(20, 4000)).to.not.include(true);
  });

  it('is none with few open calls, however slow they are', () => {
    open = 256;
    expect(windows(20, 0)).to.not.include(true);
  });

  it('is none when what a pause has left is done within two seconds', () => {
    busyShare = 0.7;
    windows(4, 1000);
    busyShare = 1;
    open = 5000;
    expect(windows(7, 0)).to.not.include(true);
    busyShare = 0.7;
    expect(windows(4, 1000)).to.not.include(true);
  });

  it('leaves open what is answered in 100 ms, and no more', () => {
    open = 10_000;
    windows(20, 250);
    open = 99;
    expect(overload.refuses()).to.equal(false);
    open = 101;
    expect(overload.refuses()).to.equal(true);
  });

  it('takes a few calls when none were answered, and as many as can be answered from then on', () => {
    open = 10_000;
    windows(40, 0);
    open = 15;
    expect(overload.refuses()).to.equal(false);
    open = 16;
    expect(overload.refuses()).to.equal(true);
    windows(20, 500);
    open = 190;
    expect(overload.refuses()).to.equal(false);
  });

  it('takes more as soon as there is time left over, for too few were taken', () => {
    open = 10_000;
    windows(20, 250);
    busyShare = 0.8;
    window(250);
    open = 150;
    expect(overload.refuses()).to.equal(false);
  });

  it('is over when a window has passed without a refusal', () => {
    open = 10_000;
    windows(20, 250);
    open = 10;
    windows(2, 250);
    open = 200;
    expect(overload.refuses()).to.equal(false);
  });
});
