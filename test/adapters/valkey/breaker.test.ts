import { expect } from 'chai';
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts';
import { type Breaker, createBreaker } from '../../../src/adapters/valkey/breaker.ts';

const TIMEOUT_MS = 50;

describe('valkey breaker', () => {
  let clock: VirtualClock;
  let breaker: Breaker;
  let seen: string[];
  let alive: boolean;

  beforeEach(() => {
    clock = new VirtualClock();
    seen = [];
    alive = true;
    breaker = createBreaker({
      clock,
      random: () => 0.5,
      timeoutMs: TIMEOUT_MS,
      probe: async () => {
        seen.push('probe');
        if (!alive) throw new Error('dead');
      },
      harmless: (error) => (error as Error).message === 'harmless',
      failed: () => seen.push('failed'),
      opened: () => seen.push('opened'),
      shut: () => seen.push('shut'),
    });
  });
  afterEach(() => breaker.close());

  const never = () => new Promise<never>(() => {});
  const run = <T>(command: () => Promise<T>) => clock.until(breaker.run(command));

  it('gives what the command gives', async () => {
    expect(await run(async () => 'value')).to.equal('value');
    expect(seen).to.deep.equal([]);
  });

  it('opens after three late commands and begins none while open', async () => {
    for (let i = 0; i < 3; i++) expect(await run(never)).to.equal(undefined);
    expect(seen).to.deep.equal(['failed', 'failed', 'failed', 'opened']);
    expect(breaker.open()).to.equal(true);
    let begun = false;
    await run(async () => {
      begun = true;
    });
    expect(begun).to.equal(false);
  });

  it('stays shut when many commands in flight are late at one moment', async () => {
    await clock.until(Promise.all(Array.from({ length: 100 }, () => breaker.run(never))));
    expect(breaker.open()).to.equal(false);
    expect(await run(async () => 1)).to.equal(1);
    for (let i = 0; i < 2; i++) await run(never);
    expect(breaker.open()).to.equal(false);
  });

  it('stays shut on errors that show that the other side is there', async () => {
    for (let i = 0; i < 10; i++) {
      await clock.advance(TIMEOUT_MS);
      expect(await run(() => Promise.reject(new Error('harmless')))).to.equal(undefined);
    }
    expect(breaker.open()).to.equal(false);
  });

  it('probes by itself, with growing pauses, until the other side is well', async () => {
    alive = false;
    for (let i = 0; i < 3; i++) await run(never);
    await clock.advance(10_000);
    const probes = seen.filter((what) => what === 'probe').length;
    expect(probes).to.be.within(4, 10);
    expect(breaker.open()).to.equal(true);
    alive = true;
    await clock.advance(3000);
    expect(seen.at(-1)).to.equal('shut');
    expect(await run(async () => 'again')).to.equal('again');
  });

  it('probes no more after close', async () => {
    alive = false;
    for (let i = 0; i < 3; i++) await run(never);
    breaker.close();
    await clock.advance(10_000);
    expect(seen).to.not.include('probe');
  });
});
