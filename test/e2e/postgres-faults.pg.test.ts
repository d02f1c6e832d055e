import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { Tier } from '../../gen/parameter/v1/freshness.ts';
import { msOfDuration } from '../../src/client/duration.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { startPostgres, type TestServer } from '../support/servers.ts';
import { campaignMs, eventually } from './eventually.ts';
import { Load } from './load.ts';
import { type Fleet, type FleetReplica, startFleet } from './replicas.ts';
import { consistency, failureOf, int, intOf, type Rpc, told } from './rpc.ts';
import { query } from './watch-checker.ts';

describe('PostgreSQL that fails', function () {
  this.timeout(60_000 + campaignMs(5000));
  let postgres: TestServer;
  let fleet: Fleet;
  let one: FleetReplica;
  /** By way of the proxy. */
  let apart: FleetReplica;
  let proxy: TestProxy;
  before(async () => {
    // With the settings of production: what it acknowledged survives a kill.
    postgres = await startPostgres({ durable: true });
    proxy = await startProxy(postgres.port);
    fleet = await startFleet({ count: 1, databaseUrl: postgres.url });
    one = fleet.replicas[0]!;
    apart = await fleet.add({ DATABASE_URL: proxy.through(postgres.url), PARAMD_JOBS: 'on' });
    await one.set({ key: 'k', value: int(0) });
  });
  after(async () => {
    proxy.mode = 'pass';
    await fleet?.close();
    await proxy?.close();
    await postgres?.close();
  });

  const strict = consistency({ linearizable: true });
  const recovered = async (rpc: Rpc) => {
    await eventually(() => rpc.get({ key: 'k', consistency: strict }).then(Boolean, () => false), 20_000);
    await eventually(() => rpc.set({ key: 'k', value: int(0) }).then(Boolean, () => false), 20_000);
  };
  /** What was loaded is kept only when the log is applied up to it, which takes a moment under load. */
  const cached = (rpc: Rpc) =>
    eventually(async () => (await rpc.get({ key: 'k' })).freshness!.servedFrom === Tier.TIER_NEAR_CACHE);
  /** A store that says nothing is taken for unreachable after half a second, by whoever may take a degraded answer. */
  const expectDegradedSoon = async (rpc: Rpc) => {
    const startedAtMs = performance.now();
    expect((await rpc.get({ key: 'k' })).freshness!.degraded).to.equal(true);
    expect(performance.now() - startedAtMs).to.be.below(1000);
  };
  const loads: Load[] = [];
  const startLoad = () => {
    loads.push(new Load({ writers: [one, apart], readers: [one, apart], databaseUrl: postgres.url }));
    return loads.at(-1)!;
  };
  afterEach(() => Promise.all(loads.splice(0).map((load) => load.end())));

  it('C7: what is cached is answered, flagged and with its true age; whoever asks for more gets an error', async () => {
    const { revision } = (await apart.set({ key: 'cached', value: int(1) })).parameter!;
    await eventually(async () => {
      const { freshness } = await apart.getMany({ keys: ['cached', 'absent'] });
      return freshness!.servedFrom === Tier.TIER_NEAR_CACHE;
    });
    const current = performance.now();
    proxy.mode = 'reset';
    await sleep(700);
    const reads = [
      apart.get({ key: 'cached' }),
      apart.get({ key: 'cached', consistency: consistency({ atLeastRevision: revision }) }),
      apart.getMany({ keys: ['cached', 'absent'] }),
    ];
    for (const { freshness } of await Promise.all(reads)) {
      expect(freshness!.degraded).to.equal(true);
      expect(freshness!.revision >= revision).to.equal(true);
      const passedMs = performance.now() - current;
      // The last poll before the cut came some time after the read, at most an interval.
      expect(msOfDuration(freshness!.stalenessBound!)).to.be.within(400, passedMs + 300);
    }
    const absent = await failureOf(apart.get({ key: 'absent' }));
    expect(told(absent)).to.equal('NOT_FOUND PARAMETER_NOT_FOUND');
    expect(absent.details.freshness!.degraded).to.equal(true);
    const demands = [{ maxStalenessMs: 500 }, { linearizable: true }, { atLeastRevision: revision + 1n }];
    for (const demand of demands) {
      for (const call of [
        apart.get({ key: 'cached', consistency: consistency(demand) }, 1000),
        apart.getMany({ keys: ['cached'], consistency: consistency(demand) }, 1000),
      ].map(failureOf)) {
        expect(told(await call)).to.equal('UNAVAILABLE STORE_UNREACHABLE');
      }
    }
    const lax = await apart.get({ key: 'cached', consistency: consistency({ maxStalenessMs: 60_000 }) });
    expect(lax.freshness!.degraded).to.equal(false);
    proxy.mode = 'pass';
    await recovered(apart);
    await eventually(async () => !(await apart.get({ key: 'cached' })).freshness!.degraded);
  });

  it('C7: a watch and a write that meet the failure go on after it', async () => {
    const watch = apart.watch({ prefixes: ['through'] });
    await watch.begun();
    proxy.mode = 'reset';
    const failing = failureOf(apart.set({ key: 'through', value: int(1) }));
    const { revision } = (await one.set({ key: 'through', value: int(2) })).parameter!;
    expect((await failing).code).to.equal(status.UNAVAILABLE);
    proxy.mode = 'pass';
    await watch.reached(revision);
    expect(watch.events.map(({ parameter }) => intOf(parameter)).at(-1)).to.equal(2);
    watch.cancel();
    await recovered(apart);
  });

  for (const mode of ['reset', 'freeze'] as const) {
    it(`C5, C8: under load, with the way to it in mode ${mode} for a while`, async () => {
      const load = startLoad();
      await sleep(campaignMs(400));
      await cached(apart);
      proxy.mode = mode;
      await sleep(600);
      await expectDegradedSoon(apart);
      await sleep(campaignMs(400));
      proxy.mode = 'pass';
      await recovered(apart);
      await sleep(campaignMs(300));
      await load.stop();
    });
  }

  it('C5, C8: under load, with half-open connections', async () => {
    const load = startLoad();
    await sleep(campaignMs(300));
    proxy.mode = 'blackhole';
    await sleep(campaignMs(300));
    proxy.mode = 'pass'; // for new connections; the old ones stay dead
    await recovered(apart);
    await load.stop();
  });

  it('C5, C8: killed and started again under load: what was acknowledged is there, once', async () => {
    const load = startLoad();
    await eventually(() => load.writes.length > 20);
    const acknowledged = load.writes.length;
    await postgres.kill();
    await sleep(campaignMs(300));
    await postgres.start();
    for (const replica of [one, apart]) await recovered(replica);
    await eventually(() => load.writes.length > acknowledged + 20);
    await load.stop();
  });

  it('C5, C7: frozen under load, and thawed', async () => {
    const load = startLoad();
    await sleep(campaignMs(300));
    for (const replica of [one, apart]) await cached(replica);
    postgres.freeze();
    await sleep(600);
    for (const replica of [one, apart]) await expectDegradedSoon(replica);
    await sleep(campaignMs(500));
    postgres.thaw();
    for (const replica of [one, apart]) await recovered(replica);
    await load.stop();
  });

  it('C5, C8: stopped and started in order under load', async () => {
    const load = startLoad();
    await sleep(campaignMs(300));
    await postgres.stop();
    await sleep(campaignMs(200));
    await postgres.start();
    for (const replica of [one, apart]) await recovered(replica);
    await load.stop();
  });

  it('leaves no connections behind', async () => {
    const connections = () =>
      query<{ application_name: string }>(
        postgres.url,
        "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'paramd %'",
      );
    // Of each replica at most four for reads, and one each for writes, the log and upkeep.
    await eventually(async () => (await connections()).length <= 2 * (4 + 3));
  });

  it('a replica that is started before it waits, and serves when it is there', async () => {
    await postgres.stop();
    let started = false;
    const starting = fleet.add().then((replica) => {
      started = true;
      return replica;
    });
    await sleep(300);
    expect(started).to.equal(false);
    await postgres.start();
    const late = await starting;
    await recovered(late);
    await recovered(one);
    await late.stop();
  });
});
