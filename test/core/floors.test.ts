import { expect } from 'chai';
import { Floors } from '../../src/core/cache/floors.ts';

describe('floors', () => {
  it('C1: an older write that is repeated does not lower what must show', () => {
    const floors = new Floors();
    floors.raise('a', 8n);
    floors.raise('a', 6n);
    floors.advance(6n);
    expect(floors.of('a')).to.equal(8n);
    floors.advance(8n);
    expect(floors.of('a')).to.equal(0n);
  });

  it('C1: hold for every key once there are too many', () => {
    const floors = new Floors();
    for (let at = 1; at <= 100_000; at++) floors.raise(`k${at}`, BigInt(at));
    floors.raise('one more', 100_001n);
    expect(floors.of('k1')).to.equal(100_001n);
    expect(floors.of('one more')).to.equal(100_001n);
    expect(floors.highest).to.equal(100_001n);
  });
});
