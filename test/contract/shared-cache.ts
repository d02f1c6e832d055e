import { expect } from 'chai';
import type { SharedCache, SharedEntry } from '../../src/ports/shared-cache.ts';

/** One Valkey, or what stands for it. */
export interface SharedCacheWorld {
  /** The shared cache of one more replica. It has no epoch yet. */
  attach(installationId?: string): Promise<SharedCache>;
  /** Lets entries grow older by at least this much. */
  elapse(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** What every shared cache does. */
export function sharedCacheContract(name: string, open: () => Promise<SharedCacheWorld>): void {
  describe(`${name}: shared cache contract`, () => {
    let world: SharedCacheWorld;
    let here: SharedCache;
    let there: SharedCache;

    before(async () => {
      world = await open();
    });
    after(() => world?.close());
    beforeEach(async () => {
      here = await world.attach();
      there = await world.attach();
      here.useEpoch('epoch');
      there.useEpoch('epoch');
    });
    afterEach(() => Promise.all([here.close(), there.close()]));

    it('gives one replica what another has put', async () => {
      const key = unique();
      const entry = present(7n, 9n, 'seven');
      expect(await here.put(key, entry)).to.equal(true);
      expectSame(await there.get(key), entry);
      expect(await there.get(unique())).to.equal(undefined);
    });

    it('gives samples of its own entries, others after a while, and drops what it is told to', async () => {
      here.useEpoch(unique());
      expect(await here.sample(10)).to.deep.equal([]);
      const keys = Array.from({ length: 30 }, unique).sort();
      for (const key of keys) await here.put(key, present(1n, 1n, key));
      await there.put(unique(), present(1n, 1n, 'of another epoch'));
      const seen = new Set<string>();
      for (let tries = 0; tries < 1000 && seen.size < keys.length; tries++) {
        const sample = await here.sample(10);
        expect(sample.length).to.be.within(0, 10);
        for (const key of sample) seen.add(key);
      }
      expect([...seen].sort()).to.deep.equal(keys);
      await here.drop(keys[0]!);
      await here.drop(unique());
      expect(await here.get(keys[0]!)).to.equal(undefined);
      expectSame(await here.get(keys[1]!), present(1n, 1n, keys[1]!));
    });

    it('keeps absence and tombstones apart from a miss', async () => {
      const key = unique();
      expect(await here.put(key, absent(5n, 5n))).to.equal(true);
      expectSame(await there.get(key), absent(5n, 5n));
    });

    it('keeps the newer revision, and of equal ones the higher asOf', async () => {
      const key = unique();
      const steps: [SharedEntry, boolean][] = [
        [present(5n, 6n, 'five'), true],
        [present(4n, 100n, 'older revision, higher asOf'), false],
        [present(5n, 6n, 'equal'), false],
        [present(5n, 5n, 'lower asOf'), false],
        [present(5n, 7n, 'higher asOf'), true],
        [absent(6n, 6n), true],
        [present(5n, 50n, 'before the delete'), false],
        [present(8n, 8n, 'created again'), true],
      ];
      let last: SharedEntry | undefined;
      for (const [entry, stored] of steps) {
        expect(await here.put(key, entry), textOf(entry)).to.equal(stored);
        if (stored) last = entry;
        expectSame(await there.get(key), last);
      }
    });

    it('orders revisions exactly, beyond 2^53 and in every byte', async () => {
      const rising = [1n, 255n, 256n, 0x7fffn, 0x8000n, (1n << 40n) + 5n, (1n << 53n) + 1n, (1n << 53n) + 2n];
      rising.push((1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 2n, (1n << 64n) - 1n);
      const key = unique();
      for (const [i, revision] of rising.entries()) {
        expect(await here.put(key, present(revision, revision, 'v')), String(revision)).to.equal(true);
        for (const older of rising.slice(0, i)) {
          expect(await here.put(key, present(older, rising.at(-1)!, 'o')), `${older}<${revision}`).to.equal(false);
        }
      }
    });

    it('takes any key and any bytes', async () => {
      const keys = ['__proto__', 'a b', "'; DROP", '%_', 'ÿ', '🙂', 'x'.repeat(512), '{tag}', 'a\nb', '*'].map(
        (key) => unique() + key,
      );
      const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      for (const key of keys) await here.put(key, { revision: 1n, asOf: 1n, encoded: everyByte, ttlMs: 60_000 });
      const found = await there.getMany(keys);
      expect([...found.keys()].sort()).to.deep.equal([...keys].sort());
      for (const entry of found.values()) expect(Buffer.from(entry.encoded!).equals(everyByte)).to.equal(true);
    });

    it('takes a parameter of 1 MiB', async () => {
      const key = unique();
      const entry: SharedEntry = { revision: 1n, asOf: 1n, encoded: Buffer.alloc(1 << 20, 7), ttlMs: 60_000 };
      expect(await here.put(key, entry)).to.equal(true);
      expectSame(await there.get(key), entry);
    });

    it('gives many at once, without those that are not there', async () => {
      const keys = Array.from({ length: 130 }, unique);
      await Promise.all(keys.slice(0, 120).map((key, i) => here.put(key, present(BigInt(i + 1), 500n, `v${i}`))));
      const found = await there.getMany(keys);
      expect(found.size).to.equal(120);
      expectSame(found.get(keys[77]!), present(78n, 500n, 'v77'));
      expect((await there.getMany([])).size).to.equal(0);
    });

    it('forgets after the TTL', async () => {
      const key = unique();
      await here.put(key, { ...present(5n, 5n, 'short'), ttlMs: 40 });
      await world.elapse(50);
      expect(await there.get(key)).to.equal(undefined);
      expect(await here.put(key, present(3n, 3n, 'older, but nothing is there'))).to.equal(true);
    });

    it('stores nothing without time to live', async () => {
      const key = unique();
      expect(await here.put(key, { ...present(5n, 5n, 'never'), ttlMs: 0 })).to.equal(false);
      expect(await here.get(key)).to.equal(undefined);
    });

    it('separates epochs and installations', async () => {
      const key = unique();
      await here.put(key, present(5n, 5n, 'of this epoch'));
      there.useEpoch('next');
      expect(await there.get(key)).to.equal(undefined);
      expect(await there.put(key, present(1n, 1n, 'of the next'))).to.equal(true);
      expectSame(await here.get(key), present(5n, 5n, 'of this epoch'));
      const stranger = await world.attach('another');
      stranger.useEpoch('epoch');
      expect(await stranger.get(key)).to.equal(undefined);
      await stranger.close();
    });

    it('sees and stores nothing before it knows the epoch, and after close', async () => {
      const key = unique();
      const fresh = await world.attach();
      expect(await fresh.put(key, present(1n, 1n, 'x'))).to.equal(false);
      expect(await fresh.get(key)).to.equal(undefined);
      fresh.useEpoch('epoch');
      expect(await fresh.put(key, present(1n, 1n, 'x'))).to.equal(true);
      await fresh.close();
      expect(await fresh.put(key, present(2n, 2n, 'x'))).to.equal(false);
      expect(await fresh.get(key)).to.equal(undefined);
      expect((await fresh.getMany([key])).size).to.equal(0);
      await fresh.close();
    });
  });
}

let keys = 0;
export function unique(): string {
  return `test:${process.pid}:${Date.now()}:${keys++}`;
}

export function present(revision: bigint, asOf: bigint, text: string): SharedEntry {
  return { revision, asOf, encoded: Buffer.from(text), ttlMs: 60_000 };
}

export function absent(revision: bigint, asOf: bigint): SharedEntry {
  return { revision, asOf, encoded: null, ttlMs: 60_000 };
}

export function expectSame(actual: SharedEntry | undefined, expected: SharedEntry | undefined): void {
  expect(actual && { ...actual, encoded: hexOf(actual) }).to.deep.equal(
    expected && { ...expected, encoded: hexOf(expected) },
  );
}

function hexOf(entry: SharedEntry): string | null {
  return entry.encoded && Buffer.from(entry.encoded).toString('hex');
}

function textOf(entry: SharedEntry): string {
  return entry.encoded === null ? 'absent' : Buffer.from(entry.encoded).toString();
}
