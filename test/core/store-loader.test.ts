import { expect } from 'chai';
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import type { Loaded, LoadedTogether, LoadNeed } from '../../src/core/cache/store-loader.ts';
import { StoreLoader } from '../../src/core/cache/store-loader.ts';
import { type Deferred, deferred } from '../../src/core/waiting.ts';
import type { Head, Revision } from '../../src/model/revision.ts';
import { StoreError, type StoreRead } from '../../src/ports/store.ts';
import { CountingTelemetry } from './cluster.ts';

type Answer = StoreRead & { readonly startedAtMs: number };

const PATIENT = { deadlineAtMs: Number.POSITIVE_INFINITY };

describe('the loader', () => {
  let clock: VirtualClock;
  /** Keys of each statement, as they begin. */
  let begun: string[];
  let current: Deferred<Answer>;
  let loader: StoreLoader;

  beforeEach(() => {
    clock = new VirtualClock();
    begun = [];
    loader = new StoreLoader({
      reads: {
        read: (keys) => {
          begun.push(keys.join(' '));
          current = deferred();
          return current.promise;
        },
      },
      view: {
        applied: 1_000n,
        absent: (asOf) => ({ encoded: null, revision: asOf, asOf, ttlMs: 0 }),
        contentOf: () => expect.fail('nothing exists'),
        spread: () => {},
      },
      tailer: { reached: () => Promise.resolve(), storeReachable: true },
      clock,
      telemetry: new CountingTelemetry(),
      limits: { loadsConcurrentMax: 1, loadWaitersMax: 100 },
    });
  });

  /** What a call that begins now needs. */
  const needNow = (need: Partial<LoadNeed> = {}): LoadNeed => {
    const nowMs = clock.monotonicMs();
    return { sinceMs: nowMs, callStartedAtMs: nowMs, atLeast: 0n, ...need };
  };
  const load = (key: string, need = needNow()) => loader.load(key, need, PATIENT);
  const together = (keys: string, need = needNow()) => loader.loadTogether(keys.split(' '), need, PATIENT);

  /** The statement under way finds nothing, at this revision. */
  async function land(revision: Revision): Promise<void> {
    current.resolve({ head: { revision } as Head, parameters: new Map(), startedAtMs: 0 });
    await clock.advance(1);
  }

  async function landAll(): Promise<void> {
    for (let landed = 0; landed < begun.length; landed++) await land(BigInt(landed + 1));
  }

  const asOf = async (loaded: Promise<Loaded | LoadedTogether | 'late'>) => {
    const found = await clock.until(loaded);
    return found === 'late' ? 'late' : found.asOf;
  };

  it('C6: the failure of a load from before the call is not the answer to it, that of a later one is', async () => {
    const first = load('a');
    await clock.advance(1);
    const second = load('a', needNow({ sinceMs: 0 }));
    await clock.advance(1);
    expect(begun).to.deep.equal(['a']);
    current.reject(new StoreError('unreachable', 'the request was lost'));
    expect(await first.catch((error: unknown) => error)).to.be.instanceOf(StoreError);
    await clock.advance(1);
    expect(begun).to.deep.equal(['a', 'a']);
    current.reject(new StoreError('unreachable', 'it is away'));
    expect(await second.catch((error: unknown) => error)).to.have.property('message', 'it is away');
  });

  it('C12: begins the oldest first, be it of one key or of several; single keys share a statement', async () => {
    const first = load('first');
    await clock.advance(1);
    const waiting = [together('a b'), load('c'), together('d e'), load('f'), together('g h'), load('i')];
    await clock.advance(1);
    expect(begun).to.deep.equal(['first']);
    await landAll();
    expect(begun).to.deep.equal(['first', 'a b', 'c f i', 'd e', 'g h']);
    await Promise.all([first, ...waiting]);
  });

  it('C12: loads of many keys together never keep a single one waiting for more than those before it', async () => {
    together('a b');
    await clock.advance(1);
    together('a c');
    load('single');
    await clock.advance(1);
    for (let at = 0; !begun.includes('single'); at++) {
      together(`a ${at}`);
      await clock.advance(1);
      await land(1n);
    }
    expect(begun).to.deep.equal(['a b', 'a c', 'single']);
  });

  it('C12: those who ask for the same keys together share what has not begun, and what began in time', async () => {
    const one = together('a b');
    const same = together('a b');
    await clock.advance(1);
    const content = together('a b', needNow({ sinceMs: 0 }));
    const late = together('a b');
    const later = together('a b');
    const other = together('b a');
    await landAll();
    expect(begun).to.deep.equal(['a b', 'b a', 'a b']);
    for (const early of [one, same, content]) expect(await asOf(early)).to.equal(1n);
    expect(await asOf(other)).to.equal(2n);
    for (const next of [late, later]) expect(await asOf(next)).to.equal(3n);
  });

  it('C1: what does not reflect enough is loaded again, once', async () => {
    const early = together('a b');
    await clock.advance(1);
    const demanding = together('a b', needNow({ sinceMs: 0, atLeast: 5n }));
    await land(1n);
    await land(3n);
    expect(await asOf(early)).to.equal(1n);
    expect(await asOf(demanding), 'as of after the call').to.equal(3n);
    expect(begun).to.deep.equal(['a b', 'a b']);
  });

  it('C12: does not begin what nobody waits for any more', async () => {
    const first = load('first');
    await clock.advance(1);
    const nowMs = clock.monotonicMs();
    const left = loader.loadTogether(['a', 'b'], needNow(), { deadlineAtMs: nowMs + 5 });
    expect(await asOf(left)).to.equal('late');
    await land(1n);
    await first;
    expect(begun).to.deep.equal(['first']);
  });

  it('fails for those who share if their statement does, and for nobody else', async () => {
    const failing = [together('a b'), together('a b')];
    await clock.advance(1);
    const other = load('c');
    current.reject(new StoreError('too-large', 'too much'));
    for (const { status } of await clock.until(Promise.allSettled(failing))) expect(status).to.equal('rejected');
    await land(2n);
    expect(await asOf(other)).to.equal(2n);
    expect(begun).to.deep.equal(['a b', 'c']);
  });
});
