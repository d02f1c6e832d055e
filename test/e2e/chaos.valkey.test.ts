import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type ProxyMode, startProxy, type TestProxy } from '../support/proxy.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { requireValkey, startValkey, type TestServer } from '../support/servers.ts';
import { campaignMs, eventually, repeating } from './eventually.ts';
import { Load } from './load.ts';
import { type Fleet, type FleetReplica, startFleet } from './replicas.ts';
import { consistency, int, intOf, setOf } from './rpc.ts';
import { expectDense, expectFaithful, storedLog } from './watch-checker.ts';
import type { WatchStream } from './watch-stream.ts';

const SEED = Number(process.env.PARAMD_TEST_SEED ?? Math.floor(Math.random() * 1e9));

describe('replicas whose links to PostgreSQL and Valkey fail at random', function () {
  this.timeout(90_000 + campaignMs(10_000));
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it(`C3, C5, C7, C8, C9, C10 (PARAMD_TEST_SEED=${SEED})`, async function () {
    requireValkey(this);
    const random = seededRandom(SEED);
    const any = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
    const valkey: TestServer = await startValkey();
    closing.push(() => valkey.close());
    const settings = { PARAMD_NEAR_CACHE_ENTRIES: '30' };
    const fleet: Fleet = await startFleet({ count: 0, valkeyUrl: valkey.url, settings });
    closing.push(() => fleet.close());
    const proxies: TestProxy[] = [];
    for (let count = 0; count < 3; count++) {
      const toPostgres = await startProxy(Number(new URL(fleet.databaseUrl).port));
      const toValkey = await startProxy(valkey.port);
      proxies.push(toPostgres, toValkey);
      await fleet.add({
        DATABASE_URL: toPostgres.through(fleet.databaseUrl),
        VALKEY_URL: toValkey.through(valkey.url),
      });
    }
    closing.push(async () => {
      for (const proxy of proxies) await proxy.close();
    });
    await fleet.replicas[0]!.set({ key: 'k', value: int(0) });
    const watches = fleet.replicas.map((replica) => resuming(replica));
    const pairs = startPairs(fleet.replicas);
    closing.push(() => pairs.stop().catch(() => {}));
    const load = new Load({ writers: fleet.replicas, readers: fleet.replicas, databaseUrl: fleet.databaseUrl });
    closing.push(() => load.end());

    const modes: ProxyMode[] = [
      'pass',
      'pass',
      'pass',
      'freeze',
      'blackhole',
      'reset',
      { delayMs: 30 },
      { delayMs: 150 },
    ];
    for (const endMs = performance.now() + campaignMs(3500); performance.now() < endMs; ) {
      const proxy = any(proxies);
      proxy.mode = any(modes);
      await sleep(20 + random() ** 3 * 1500);
      // Much must go well in between, or nothing is written at all.
      if (random() < 0.7) proxy.mode = 'pass';
    }
    for (const proxy of proxies) proxy.mode = 'pass';
    for (const replica of fleet.replicas) {
      const strict = { key: 'k', consistency: consistency({ linearizable: true }) };
      await eventually(() => replica.get(strict).then(Boolean, () => false), 20_000);
      await eventually(() => replica.set({ key: 'k', value: int(0) }).then(Boolean, () => false), 20_000);
    }
    await pairs.stop();
    await load.stop();
    console.log(
      `      ${load.writes.length} writes, ${load.unflagged.length} answers, ${load.degraded.length} degraded, ${load.readFailures.length} refused`,
    );
    expect(load.writes.length).to.be.above(20);
    const log = await storedLog(fleet.databaseUrl);
    expectDense(log);
    for (const watch of watches) {
      await watch.reached(log.at(-1)!.revision);
      expectFaithful(watch.stop(), log, { from: 2n, matches: () => true });
    }
  });
});

/** Two keys that are only written together: whoever reads both in one call sees them equal, degraded or not. */
function startPairs(replicas: readonly FleetReplica[]) {
  const torn: string[] = [];
  const failed = () => sleep(20);
  const writing = repeating(async (count) => {
    const replica = replicas[count % replicas.length]!;
    await replica.commit({ operations: [setOf('pair:a', int(count)), setOf('pair:b', int(count))] }, 500).catch(failed);
  });
  const reading = replicas.map((replica) =>
    repeating(async (count) => {
      const call =
        count % 8 === 0
          ? replica.list({ prefix: 'pair:' }, 1000)
          : replica.getMany({ keys: ['pair:a', 'pair:b'] }, 1000);
      const answer = await call.catch(failed);
      if (answer === undefined) return;
      const [a, b] = answer.parameters.map(intOf);
      if (a !== b) torn.push(`${a} and ${b} at ${answer.freshness!.revision}`);
    }),
  );
  return {
    async stop() {
      await Promise.all([writing, ...reading].map((each) => each.stop()));
      expect(torn, 'torn reads').to.deep.equal([]);
    },
  };
}

/** One watch, opened again behind what came whenever it ends. */
function resuming(replica: FleetReplica) {
  const streams: WatchStream[] = [];
  let stopped = false;
  const revision = () => streams.reduce((last, stream) => (stream.revision > last ? stream.revision : last), 1n);
  const running = (async () => {
    while (!stopped) {
      const stream = replica.watch({ prefixes: [''], startRevision: revision() + 1n });
      streams.push(stream);
      await stream.ended;
      await sleep(20);
    }
  })();
  running.catch(() => {});
  return {
    reached: (last: bigint) => eventually(() => revision() >= last),
    stop() {
      stopped = true;
      streams.at(-1)?.cancel();
      return streams.flatMap(({ responses }) => responses);
    },
  };
}
