import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Valkey } from 'iovalkey';
import { Client } from 'pg';
import { GetStatsResponse_BusState as BusState } from '../../gen/parameter/v1/cache_service.ts';
import { Tier } from '../../gen/parameter/v1/freshness.ts';
import { startProxy } from '../support/proxy.ts';
import { requireValkey, startValkey, type TestServer } from '../support/servers.ts';
import { campaignMs, eventually } from './eventually.ts';
import { Load } from './load.ts';
import { type Fleet, type FleetReplica, startFleet } from './replicas.ts';
import { int, intOf, setOf } from './rpc.ts';
import { query } from './watch-checker.ts';

/** Of a load, so that a fault in the middle of it meets some. */
const ANSWERS_MIN = 100;
/** Few near entries, so that the shared cache has much to say. */
const SETTINGS = { PARAMD_NEAR_CACHE_ENTRIES: '20', PARAMD_LOADS_CONCURRENT_MAX: '2' };

describe('Valkey that fails under load', function () {
  this.timeout(40_000 + campaignMs(5000));
  let valkey: TestServer;
  let fleet: Fleet;
  let one: FleetReplica;
  let two: FleetReplica;
  before(async function () {
    requireValkey(this);
    valkey = await startValkey();
    fleet = await startFleet({ valkeyUrl: valkey.url, settings: SETTINGS });
    [one, two] = fleet.replicas as [FleetReplica, FleetReplica];
  });
  after(async () => {
    await fleet?.close();
    await valkey?.close();
  });

  const busState = async (replica: FleetReplica) => (await replica.stats({})).busState;
  const connected = async (which = fleet) => {
    for (const replica of which.replicas) {
      await eventually(async () => (await busState(replica)) === BusState.BUS_STATE_CONNECTED);
    }
  };
  const loads: Load[] = [];
  const startLoad = ({ replicas, databaseUrl }: Fleet) => {
    loads.push(new Load({ writers: replicas, readers: replicas, databaseUrl }));
    return loads.at(-1)!;
  };
  afterEach(() => Promise.all(loads.splice(0).map((load) => load.end())));
  const client = async <T>(use: (client: Valkey) => Promise<T>): Promise<T> => {
    const { password, port } = new URL(valkey.url);
    const opened = new Valkey({ host: '127.0.0.1', port: Number(port), password });
    try {
      return await use(opened);
    } finally {
      opened.disconnect();
    }
  };
  const sharedHits = async ({ replicas }: Fleet) => {
    const stats = await Promise.all(replicas.map((replica) => replica.stats({})));
    return stats.reduce((sum, { tiers }) => sum + tiers.find(({ tier }) => tier === Tier.TIER_SHARED_CACHE)!.hits, 0n);
  };

  /** A fault in the middle of a load, which checks C3, C5, C8 of every answer. */
  async function underLoad(fault: (load: Load) => Promise<void>, which = fleet) {
    const load = startLoad(which);
    await sleep(campaignMs(400));
    await fault(load);
    await sleep(campaignMs(400));
    await eventually(() => load.answers.length > ANSWERS_MIN);
    await load.stop();
    expect(load.readFailures.map(String)).to.deep.equal([]);
    expect(load.writeFailures.map(String)).to.deep.equal([]);
    expect(load.degraded).to.have.length(0);
  }

  it('C5, C13: absent at the start, and coming later', async () => {
    const late = await startValkey();
    await late.stop();
    const waiting = await startFleet({ valkeyUrl: late.url, databaseUrl: fleet.databaseUrl, settings: SETTINGS });
    try {
      for (const replica of waiting.replicas) expect(await busState(replica)).to.equal(BusState.BUS_STATE_DISCONNECTED);
      await underLoad(async () => {
        await late.start();
        await connected(waiting);
        const before = await sharedHits(waiting);
        await eventually(async () => (await sharedHits(waiting)) > before + 20n);
      }, waiting);
    } finally {
      await waiting.close();
      await late.close();
    }
  });

  it('C5, C6: killed and started again; writes wait for nothing', async () => {
    await connected();
    await underLoad(async (load) => {
      const before = load.writeMs(0.5);
      const killedAtMs = performance.now();
      await valkey.kill();
      const noticedMs = await eventually(async () => (await busState(one)) === BusState.BUS_STATE_DISCONNECTED);
      expect(noticedMs).to.be.below(1000);
      await sleep(campaignMs(500));
      expect(load.writeMs(0.5, killedAtMs), 'median of writes').to.be.below(before * 4 + 30);
      await valkey.start();
      await connected();
    });
  });

  it('C5, C6: frozen; noticed within 300 ms while writes flow, and writes wait for nothing', async () => {
    await connected();
    await underLoad(async (load) => {
      const before = load.writeMs(0.5);
      const frozenAtMs = performance.now();
      valkey.freeze();
      const noticed = fleet.replicas.map((replica) =>
        eventually(async () => (await busState(replica)) === BusState.BUS_STATE_DISCONNECTED),
      );
      const noticedMs = Math.max(...(await Promise.all(noticed)));
      console.log(`      loss of the bus noticed after ${noticedMs.toFixed(0)} ms`);
      // Promised are 300 ms; the machine is shared.
      expect(noticedMs).to.be.below(1000);
      await sleep(campaignMs(700));
      const median = load.writeMs(0.5, frozenAtMs);
      expect(median, 'median of writes').to.be.below(before * 4 + 30);
      valkey.thaw();
      await connected();
    });
  });

  it('C6: frozen while nothing is written; noticed within 3 s', async () => {
    await connected();
    await eventually(async () => (await busState(two)) === BusState.BUS_STATE_CONNECTED);
    valkey.freeze();
    const noticed = fleet.replicas.map((replica) =>
      eventually(async () => (await busState(replica)) === BusState.BUS_STATE_DISCONNECTED),
    );
    const noticedMs = Math.max(...(await Promise.all(noticed)));
    valkey.thaw();
    console.log(`      noticed after ${noticedMs.toFixed(0)} ms`);
    expect(noticedMs).to.be.below(4000);
    await connected();
  });

  it('C5, C6: one replica with a half-open link, then a slow one, while the other writes', async () => {
    const proxy = await startProxy(valkey.port);
    const apart = await fleet.add({ VALKEY_URL: proxy.through(valkey.url) });
    try {
      await connected();
      await underLoad(async () => {
        proxy.mode = 'blackhole';
        const noticedMs = await eventually(async () => (await busState(apart)) === BusState.BUS_STATE_DISCONNECTED);
        console.log(`      half-open link noticed after ${noticedMs.toFixed(0)} ms`);
        expect(noticedMs).to.be.below(1000);
        await sleep(campaignMs(300));
        proxy.mode = 'pass';
        await connected();
        proxy.mode = { delayMs: 120 };
        await sleep(campaignMs(700));
        proxy.mode = 'pass';
      });
    } finally {
      await apart.stop();
      await proxy.close();
    }
  });

  it('C13: flushed', async () => {
    await connected();
    await underLoad(() => client(async (valkeyClient) => void (await valkeyClient.flushall())));
  });

  it('C13: restarted with an old dump', async () => {
    await connected();
    const dump = join(valkey.folder, 'dump.rdb');
    await underLoad(async () => {
      await client((valkeyClient) => valkeyClient.save());
      renameSync(dump, `${dump}.old`);
      await sleep(campaignMs(500));
      await valkey.kill();
      renameSync(`${dump}.old`, dump);
      await valkey.start();
      await connected();
      const [size] = await Promise.all([client((valkeyClient) => valkeyClient.dbsize())]);
      expect(size, 'the dump was loaded').to.be.above(20);
    });
    rmSync(dump, { force: true });
  });

  it('C13: out of memory: what is written over stays there, old, while announcements go on', async () => {
    await connected();
    await underLoad(() =>
      client(async (valkeyClient) => {
        await valkeyClient.config('SET', 'maxmemory-policy', 'noeviction');
        await valkeyClient.config('SET', 'maxmemory', '1');
        await sleep(campaignMs(700));
        for (const replica of fleet.replicas) expect(await busState(replica)).to.equal(BusState.BUS_STATE_CONNECTED);
        await valkeyClient.config('SET', 'maxmemory', '256mb');
        await valkeyClient.config('SET', 'maxmemory-policy', 'allkeys-lru');
      }),
    );
  });

  it('C13: garbage in entries, entries of other keys, and garbage and old messages on the channel', async () => {
    await connected();
    await underLoad(() =>
      client(async (valkeyClient) => {
        const subscriber = valkeyClient.duplicate();
        const heard: [string, Buffer][] = [];
        subscriber.on('pmessageBuffer', (_pattern: string, channel: string, message: Buffer) => {
          heard.push([String(channel), message]);
        });
        await subscriber.psubscribe('*');
        const endMs = performance.now() + campaignMs(800);
        while (performance.now() < endMs || heard.length < 50) {
          const keys = await valkeyClient.keysBuffer('*');
          const [a, b] = [any(keys), any(keys)];
          const other = b && (await valkeyClient.getBuffer(b));
          if (a && other) await valkeyClient.set(a, other, 'PX', 60_000);
          const victim = any(keys);
          if (victim) await valkeyClient.set(victim, garbageOf(await valkeyClient.getBuffer(victim)), 'PX', 60_000);
          const old = any(heard);
          if (old) {
            await valkeyClient.publish(old[0], old[1]);
            await valkeyClient.publish(old[0], garbageOf(old[1]));
          }
        }
        subscriber.disconnect();
      }),
    );
    for (const replica of fleet.replicas) expect(await busState(replica)).to.equal(BusState.BUS_STATE_CONNECTED);
  });

  it('C12: a shared cache that is empty again sends each key to the store once, and few at a time', async () => {
    const keys = Array.from({ length: 300 }, (_, at) => `stampede:${at}`);
    await one.commit({ operations: keys.map((key) => setOf(key, int(7))) });
    await client((valkeyClient) => valkeyClient.flushall());
    const before = (await two.stats({})).loads;
    const locking = new Client({ connectionString: fleet.databaseUrl });
    await locking.connect();
    await locking.query('BEGIN; LOCK TABLE paramd.current IN ACCESS EXCLUSIVE MODE');
    const calls = keys.flatMap((key) => Array.from({ length: 10 }, () => two.get({ key })));
    const statements = () =>
      query(
        fleet.databaseUrl,
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'paramd reads' AND datname = current_database() AND wait_event_type = 'Lock'",
      );
    await eventually(async () => (await statements()).length === 2);
    await sleep(100);
    expect(await statements(), 'as PARAMD_LOADS_CONCURRENT_MAX says').to.have.length(2);
    await locking.query('ROLLBACK');
    await locking.end();
    const values = (await Promise.all(calls)).map(({ parameter }) => intOf(parameter));
    expect(new Set(values)).to.deep.equal(new Set([7]));
    const loads = Number((await two.stats({})).loads - before);
    console.log(`      3000 calls for 300 keys made ${loads} loads`);
    expect(loads).to.be.below(400);
  });
});

function any<T>(all: readonly T[]): T | undefined {
  return all[Math.floor(Math.random() * all.length)];
}

/** Random bytes, or what was there with one bit turned. */
function garbageOf(bytes: Buffer | null): Buffer {
  if (bytes === null || bytes.length === 0 || Math.random() < 0.3) {
    return Buffer.from(Array.from({ length: 40 }, () => Math.floor(Math.random() * 256)));
  }
  const turned = Buffer.from(bytes);
  const at = Math.floor(Math.random() * turned.length);
  turned[at] = turned[at]! ^ (1 << Math.floor(Math.random() * 8));
  return turned;
}
