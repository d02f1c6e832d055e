import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import { LastChanges } from '../../src/core/cache/last-changes.ts';
import { Lease } from '../../src/core/cache/lease.ts';
import { NearCache, type NearEntry } from '../../src/core/cache/near-cache.ts';
import { compareKeys, rangesOf } from '../../src/core/watch/key-filter.ts';
import type { Head } from '../../src/model/revision.ts';
import { Cluster, setText } from './cluster.ts';

const entry = (bytes: number | null): NearEntry => ({
  encoded: bytes === null ? null : new Uint8Array(bytes),
  revision: 1n,
  expiresAtMs: Infinity,
  ttlMs: 1,
});

describe('the near cache', () => {
  it('is bounded by entries, and drops what was not used for longest', () => {
    const cache = new NearCache('lru', { entriesMax: 100, bytesMax: 1 << 20 });
    for (let at = 0; at < 95; at++) cache.set(`k${at}`, entry(10));
    cache.get('k0');
    cache.set('new', entry(10));
    expect(cache.get('k0')).to.not.equal(undefined);
    expect(cache.get('k1')).to.equal(undefined);
    expect(cache.evictions).to.equal(1);
    expect(cache.isFull).to.equal(true);
  });

  it('is bounded by bytes, and takes nothing that is larger than all of it', () => {
    const cache = new NearCache('lru', { entriesMax: 1_000_000, bytesMax: 1 << 20 });
    for (let at = 0; at < 200; at++) cache.set(`k${at}`, entry(10_000));
    expect(cache.bytes).to.be.at.most(1 << 20);
    cache.set('huge', entry(2 << 20));
    expect(cache.get('huge')).to.equal(undefined);
  });

  it('spends at most a twentieth on keys that do not exist', () => {
    const cache = new NearCache('lru', { entriesMax: 1000, bytesMax: 1 << 20 });
    for (let at = 0; at < 900; at++) cache.set(`k${at}`, entry(1));
    for (let at = 0; at < 10_000; at++) cache.set(`absent${at}`, entry(null));
    expect(cache.entries).to.equal(950);
    expect(cache.get('k0')).to.not.equal(undefined);
  });

  it('holds a key once, present or absent', () => {
    const cache = new NearCache('lru', { entriesMax: 100, bytesMax: 1 << 20 });
    cache.set('a', entry(1));
    cache.set('a', entry(null));
    expect(cache.entries).to.equal(1);
    expect(cache.get('a')?.encoded).to.equal(null);
    cache.delete('a');
    expect(cache.entries).to.equal(0);
  });
});

describe('TTL per key', () => {
  it('bounds how long a tier keeps an entry before it asks the store again, within a tenth', async () => {
    const cluster = await Cluster.start({ replicas: 1 });
    const [one] = cluster.replicas;
    const operation = { ...setText('a', 'x'), cacheTtlNs: 10_000_000_000n } as never;
    await cluster.run(one!.write([operation]));
    await cluster.run(one!.get('a'));
    for (const [passedMs, tier] of [
      [8_900, 'near-cache'],
      [2_200, 'store'],
    ] as const) {
      await cluster.clock.advance(passedMs);
      cluster.valkey.load();
      expect((await cluster.run(one!.get('a'))).freshness.servedFrom).to.equal(tier);
    }
    await cluster.stop();
  });
});

describe('warming', () => {
  it('loads a prefix into both caches at its rate, tells of its progress, and stops when the caller leaves', async () => {
    const cluster = await Cluster.start({ replicas: 1 });
    const [one] = cluster.replicas;
    for (let at = 0; at < 400; at++) await cluster.run(one!.set(`w:${at}`, 'x'));
    await cluster.run(one!.set('other', 'x'));
    const two = await cluster.addReplica();
    cluster.valkey.load();
    const startedAtMs = cluster.clock.monotonicMs();
    const reports: number[] = [];
    const request = { prefix: 'w:', keysPerSecondMax: 100 };
    const warming = (async () => {
      for await (const { warmedKeys, complete } of two.core.warm(request, two.call({ deadlineAtMs: Infinity }))) {
        reports.push(warmedKeys);
        if (complete) return;
      }
    })();
    await cluster.run(warming);
    expect(reports.at(-1)).to.equal(400);
    expect(cluster.clock.monotonicMs() - startedAtMs).to.be.within(3_500, 4_500);
    expect(reports.length).to.be.within(4, 6);
    expect(two.core.status().tiers[0]?.entries).to.equal(400);
    expect((await cluster.run(two.get('w:7'))).freshness.servedFrom).to.equal('near-cache');
    const left = new AbortController();
    const cancelled = two.core.warm(request, two.call({ deadlineAtMs: Infinity, signal: left.signal }));
    const next = cancelled[Symbol.asyncIterator]()
      .next()
      .then(
        () => 'went on',
        (error: Error) => error.message,
      );
    left.abort();
    expect(await cluster.run(next)).to.equal('CANCELLED');
    await cluster.stop();
  });
});

describe('the lease', () => {
  const epoch = { number: 0n, id: 'e', startRevision: 1n, lostAfter: 0n, incarnation: 'i' };
  const head = (revision: bigint, batchId = `b${revision}`): Head => ({
    revision,
    batchId,
    compactRevision: 0n,
    epoch,
    incarnation: 'i',
  });

  it('C5: counts from the start of the newest head read that `applied` has reached, and never runs ahead of it', () => {
    const step = fc.record({ take: fc.boolean(), ahead: fc.integer({ min: 0, max: 3 }), apply: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const clock = new VirtualClock();
        const lease = new Lease(clock);
        let applied = 0n;
        let newest = 0n;
        const proofs: { atMs: number; head: bigint }[] = [];
        for (const { take, ahead, apply } of steps) {
          const start = lease.mark();
          if (take) {
            newest = newest > applied + BigInt(ahead) ? newest : applied + BigInt(ahead);
            lease.observe(
              start,
              head(newest, newest === 0n ? '' : `b${newest}`),
              applied,
              applied === 0n ? '' : `b${applied}`,
            );
            proofs.push({ atMs: start.atMs, head: newest });
          }
          if (apply && applied < newest) {
            applied += 1n;
            lease.advance(applied, `b${applied}`);
          }
          const proven = proofs.filter((proof) => proof.head <= applied).map(({ atMs }) => atMs);
          const best = Math.max(Number.NEGATIVE_INFINITY, ...proven);
          expect(lease.provenSince(best)).to.equal(true);
          expect(lease.provenSince(best === Number.NEGATIVE_INFINITY ? 0 : best + 1e-5)).to.equal(false);
        }
      }),
    );
  });

  it('tells when the head is of another batch than what was applied', () => {
    const lease = new Lease(new VirtualClock());
    expect(lease.observe(lease.mark(), head(5n), 5n, 'b5')).to.equal(true);
    expect(lease.observe(lease.mark(), head(5n), 5n, 'other')).to.equal(false);
    expect(lease.observe(lease.mark(), head(6n), 5n, 'b5')).to.equal(true);
    expect(lease.advance(6n, 'other')).to.equal(false);
  });

  it('C5: void, it is not proven by what was asked before', () => {
    const lease = new Lease(new VirtualClock());
    lease.observe(lease.mark(), head(5n), 5n, 'b5');
    lease.observe(lease.mark(), head(9n), 5n, 'b5');
    lease.void();
    lease.advance(20n, 'b20');
    expect(lease.ageMs()).to.equal(Number.POSITIVE_INFINITY);
  });

  it('a wall clock that is set back extends nothing', () => {
    const clock = new VirtualClock();
    const lease = new Lease(clock);
    lease.observe(lease.mark(), head(0n, ''), 0n, '');
    clock.jumpWall(-3_600_000);
    expect(lease.ageMs()).to.be.below(1);
    clock.jumpWall(10_000);
    expect(lease.ageMs()).to.be.within(10_000, 10_001);
  });
});

describe('the last change of each key', () => {
  it('never takes for current what has changed, whatever shares its slot', () => {
    const change = fc.record({ key: fc.string({ maxLength: 3 }), step: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 0, max: 20 }), (changes, known) => {
        const table = new LastChanges(16);
        table.reset(BigInt(known));
        const last = new Map<string, bigint>();
        let applied = BigInt(known);
        for (const { key, step } of changes) {
          applied += BigInt(step);
          table.record(key, applied);
          last.set(key, applied);
        }
        for (const [key, revision] of last) {
          expect(table.isCurrent(key, revision - 1n, applied)).to.equal(false);
          expect(table.isCurrent(key, applied, applied)).to.equal(true);
          expect(table.isCurrent(key, applied + 1n, applied)).to.equal(false);
        }
        expect(table.isCurrent('never changed', BigInt(known) - 1n, applied)).to.equal(false);
      }),
      { numRuns: 20 },
    );
  });
});

describe('keys', () => {
  const key = fc.string({ unit: 'grapheme', maxLength: 6 });

  it('sort by their bytes', () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        expect(Math.sign(compareKeys(one, other))).to.equal(Buffer.compare(Buffer.from(one), Buffer.from(other)));
      }),
    );
  });

  it('a filter is read as ranges that cover it once and in order', () => {
    const short = fc.string({ unit: fc.constantFrom('a', 'b', '\u{ffff}', '\u{1f600}'), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(short), fc.array(short), fc.array(short), (keys, prefixes, others) => {
        const ranges = rangesOf({ keys, prefixes });
        for (const other of [...others, ...keys, ...prefixes]) {
          const wanted = keys.includes(other) || prefixes.some((prefix) => other.startsWith(prefix));
          const covering = ranges.filter((range) =>
            'key' in range ? range.key === other : other.startsWith(range.prefix),
          );
          expect(covering).to.have.length(wanted ? 1 : 0);
        }
        const starts = ranges.map((range) => ('key' in range ? range.key : range.prefix));
        expect(starts).to.deep.equal([...starts].sort(compareKeys));
      }),
    );
  });
});
