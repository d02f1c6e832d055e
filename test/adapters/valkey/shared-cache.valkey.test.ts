import { expect } from 'chai';
import { Valkey } from 'iovalkey';
import type { ValkeyConnection } from '../../../src/adapters/valkey/connect-valkey.ts';
import type { SharedCache } from '../../../src/ports/shared-cache.ts';
import { absent, expectSame, present, sharedCacheContract, unique } from '../../contract/shared-cache.ts';
import { requireValkey, valkeyUrl } from '../../support/servers.ts';
import { connect, countingTelemetry, reachable } from './worlds.ts';

before(function () {
  requireValkey(this);
});

sharedCacheContract('valkey', async () => ({
  async attach(installationId) {
    const connection = connect(valkeyUrl()!, { name: installationId });
    await reachable(connection);
    return { ...connection.sharedCache, close: () => connection.close() };
  },
  elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms * 1.2)),
  close: async () => {},
}));

describe('valkey shared cache', () => {
  const telemetry = countingTelemetry();
  let raw: Valkey;
  let connection: ValkeyConnection;
  let cache: SharedCache;

  const placeOf = (key: string, epoch = 'epoch', name = 'installation') => `paramd:{${name}}:${epoch}:v1:${key}`;

  before(async function () {
    raw = new Valkey(requireValkey(this));
    connection = connect(valkeyUrl()!, { telemetry });
    cache = connection.sharedCache;
    cache.useEpoch('epoch');
    await reachable(connection);
  });
  after(async () => {
    raw?.disconnect();
    await connection?.close();
  });

  it('says what it is connected to', async () => {
    expect(await connection.description()).to.match(/^Valkey \d+\.\d+\.\d+ at 127\.0\.0\.1:\d+$/);
  });

  it('jitters the TTL by 10 % either way', async () => {
    for (const [random, least, most] of [
      [0, 89_000, 90_000],
      [0.999, 108_000, 110_000],
    ] as const) {
      const jittery = connect(valkeyUrl()!, { random: () => random });
      await reachable(jittery);
      jittery.sharedCache.useEpoch('epoch');
      const key = unique();
      expect(await jittery.sharedCache.put(key, { ...present(1n, 1n, 'x'), ttlMs: 100_000 })).to.equal(true);
      expect(await raw.pttl(placeOf(key))).to.be.within(least, most);
      await jittery.close();
    }
  });

  it('keeps absence for an hour at most', async () => {
    const key = unique();
    await cache.put(key, { ...absent(1n, 1n), ttlMs: 100 * 3_600_000 });
    expect(await raw.pttl(placeOf(key))).to.be.at.most(1.1 * 3_600_000);
  });

  it('stores nothing above the size of a parameter', async () => {
    const encoded = Buffer.alloc(1_200_000);
    expect(await cache.put(unique(), { revision: 1n, asOf: 1n, encoded, ttlMs: 1000 })).to.equal(false);
  });

  it('takes garbage for a miss, forgets it, and puts the truth in its place (C13)', async () => {
    const key = unique();
    const place = placeOf(key);
    const header = Buffer.concat([Buffer.from('P\u0001\0\0'), Buffer.alloc(22, 255)]);
    const litter: (() => Promise<unknown>)[] = [
      () => raw.set(place, ''),
      () => raw.set(place, 'garbage'),
      () => raw.set(place, Buffer.concat([header, Buffer.alloc(64, 255)])),
      () => raw.del(place).then(() => raw.lpush(place, 'a', 'b')),
      () => raw.del(place).then(() => raw.hset(place, 'a', 'b')),
    ];
    for (const scatter of litter) {
      await scatter();
      expect(await cache.get(key)).to.equal(undefined);
      expect((await cache.getMany([key])).size).to.equal(0);
      expect(await cache.put(key, present(5n, 5n, 'truth'))).to.equal(true);
      expectSame(await cache.get(key), present(5n, 5n, 'truth'));
      await raw.del(place);
    }
    expect(telemetry.total('shared_rejected')).to.be.at.least(3);
  });

  it('takes an entry of another key, epoch or installation for a miss (C13)', async () => {
    const [key, other] = [unique(), unique()];
    await cache.put(other, present(5n, 5n, 'of another key'));
    await raw.copy(placeOf(other), placeOf(key));
    expect(await cache.get(key)).to.equal(undefined);

    cache.useEpoch('former');
    await cache.put(key, present(9n, 9n, 'of another epoch'));
    cache.useEpoch('epoch');
    await raw.copy(placeOf(key, 'former'), placeOf(key));
    expect(await cache.get(key)).to.equal(undefined);

    const stranger = connect(valkeyUrl()!, { name: 'stranger' });
    await reachable(stranger);
    stranger.sharedCache.useEpoch('epoch');
    await stranger.sharedCache.put(key, present(9n, 9n, 'of another installation'));
    await raw.copy(placeOf(key, 'epoch', 'stranger'), placeOf(key));
    expect(await cache.get(key)).to.equal(undefined);
    await stranger.close();
  });

  it('takes every bit that is flipped for a miss (C13)', async () => {
    const key = unique();
    await cache.put(key, present(5n, 5n, 'ab'));
    const sealed = await raw.getBuffer(placeOf(key));
    for (let bit = 0; bit < sealed!.length * 8; bit++) {
      const flipped = Buffer.from(sealed!);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await raw.set(placeOf(key), flipped);
      expect(await cache.get(key), `bit ${bit}`).to.equal(undefined);
    }
  });

  it('survives a server that forgets its scripts', async () => {
    await cache.put(unique(), present(1n, 1n, 'x'));
    await raw.script('FLUSH');
    const puts = Array.from({ length: 20 }, () => cache.put(unique(), present(1n, 1n, 'x')));
    expect(await Promise.all(puts)).to.not.include(false);
  });

  it('keeps absence to a small share, and yet replaces what was deleted', async () => {
    const own = connect(valkeyUrl()!, { name: unique() });
    await reachable(own);
    own.sharedCache.useEpoch('epoch');
    const { sharedCache } = own;
    await Promise.all(Array.from({ length: 200 }, (_, i) => sharedCache.put(`p${i}`, present(1n, 1n, 'x'))));
    const stored: boolean[] = [];
    for (let i = 0; i < 1100; i++) stored.push(await sharedCache.put(`a${i}`, absent(1n, 1n)));
    expect(stored.filter((one) => one).length).to.equal(1010);
    expect(await sharedCache.put('p7', absent(2n, 2n))).to.equal(true);
    expectSame(await sharedCache.get('p7'), absent(2n, 2n));
    await own.close();
  });

  it('keeps an entry in memory of its own', async () => {
    const key = unique();
    await cache.put(key, present(1n, 1n, 'small'));
    const entry = await cache.get(key);
    expect(entry!.encoded!.buffer.byteLength).to.equal(5);
  });
});
