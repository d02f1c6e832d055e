import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { startProxy } from '../support/proxy.ts';
import { requireValkey } from '../support/servers.ts';
import { campaignMs, eventually, repeating } from './eventually.ts';
import { type Fleet, type FleetReplica, type ReplicaProcess, startFleet } from './replicas.ts';
import { failureOf, int, intOf, told } from './rpc.ts';
import { expectDense, expectFaithful, storedLog } from './watch-checker.ts';

describe('a replica whose process ends', function () {
  this.timeout(40_000 + campaignMs(5000));
  let fleet: Fleet;
  let survivor: FleetReplica;
  before(async function () {
    fleet = await startFleet({ count: 1, valkeyUrl: requireValkey(this) });
    survivor = fleet.replicas[0]!;
    await eventually(async () => (await survivor.stats({})).busState === 1);
  });
  after(() => fleet?.close());

  it('C8, C10: killed between commit and publish, its write is seen by polling within Z, and by watches', async () => {
    const proxy = await startProxy(Number(new URL(fleet.databaseUrl).port));
    const victim = await fleet.spawn({ DATABASE_URL: proxy.through(fleet.databaseUrl) });
    try {
      await victim.set({ key: 'orphan', value: int(1) });
      await eventually(async () => intOf((await survivor.get({ key: 'orphan' })).parameter) === 1);
      const watch = survivor.watch({ prefixes: ['orphan'] });
      await watch.begun();
      // The answer of PostgreSQL is held, so the victim commits without knowing, and tells nobody.
      proxy.mode = { delayMs: 300 };
      const request = { key: 'orphan', value: int(2), requestId: 'orphan-2' };
      const unanswered = failureOf(victim.set(request));
      await eventually(async () => (await storedLog(fleet.databaseUrl)).length === 2);
      const committedMs = performance.now();
      victim.process.kill('SIGKILL');
      const seenMs = await eventually(async () => intOf((await survivor.get({ key: 'orphan' })).parameter) === 2);
      console.log(`      seen ${seenMs.toFixed(0)} ms after the commit`);
      expect(performance.now() - committedMs).to.be.below(1500);
      await watch.reached(2n);
      expect(watch.events.map(({ parameter }) => intOf(parameter))).to.deep.equal([2]);
      expect((await unanswered).code).to.equal(status.UNAVAILABLE);
      const again = await survivor.set(request);
      expect(again.parameter).to.include({ revision: 2n, version: 2n });
      watch.cancel();
    } finally {
      proxy.mode = 'pass';
      await victim.ended;
      await proxy.close();
    }
  });

  it('C8, C9, C10: killed again and again under load, nothing acknowledged is lost and no watch misses a change', async () => {
    const watch = survivor.watch({ prefixes: ['killed:'] });
    await watch.begun();
    const from = watch.revision + 1n;
    const acknowledged: bigint[] = [];
    const background = repeating(async (count) => {
      acknowledged.push((await survivor.set({ key: `killed:${count % 7}`, value: int(count) })).parameter!.revision);
    });
    for (let kill = 0; kill < Math.max(2, campaignMs(2)); kill++) {
      const victim = await fleet.spawn();
      const before = acknowledged.length;
      const writing = repeating(async (count) => {
        const { revision } = (await victim.set({ key: `killed:${count % 5}`, value: int(count) })).parameter!;
        acknowledged.push(revision);
      });
      await eventually(() => acknowledged.length > before + 50);
      victim.process.kill('SIGKILL');
      await victim.ended;
      await writing.stop().catch(() => {});
    }
    await background.stop();
    const log = await storedLog(fleet.databaseUrl);
    expectDense(log);
    const logged = new Set(log.map(({ revision }) => revision));
    expect(acknowledged.filter((revision) => !logged.has(revision))).to.deep.equal([]);
    expect(new Set(acknowledged).size).to.equal(acknowledged.length);
    await watch.reached(log.at(-1)!.revision);
    expectFaithful(watch.responses, log, { from, matches: (key) => key.startsWith('killed:') });
    watch.cancel();
  });

  it('C5: stopped for a while, it answers nothing old when it goes on', async () => {
    const sleeper = await fleet.spawn();
    await sleeper.set({ key: 'sleep', value: int(1) });
    await sleeper.get({ key: 'sleep' });
    sleeper.process.kill('SIGSTOP');
    const late = sleeper.get({ key: 'sleep' }, 10_000);
    await survivor.set({ key: 'sleep', value: int(2) });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const asked = sleeper.get({ key: 'sleep' }, 10_000);
    sleeper.process.kill('SIGCONT');
    expect(intOf((await asked).parameter)).to.equal(2);
    expect(intOf((await late).parameter)).to.be.within(1, 2);
    await endInOrder(sleeper);
  });

  it('C14: SIGTERM: health tells it, calls in flight finish, watches end with DRAINING, and it exits with 0', async () => {
    const proxy = await startProxy(Number(new URL(fleet.databaseUrl).port));
    const leaving = await fleet.spawn({ DATABASE_URL: proxy.through(fleet.databaseUrl), PARAMD_DRAIN_MS: '5000' });
    const healthy: string[] = [];
    const health = watchHealth(leaving, healthy);
    const watch = leaving.watch({ prefixes: [''] });
    await watch.begun();
    await eventually(() => healthy.length === 1);
    proxy.mode = { delayMs: 250 };
    const inFlight = leaving.set({ key: 'last', value: int(1) });
    await eventually(async () => (await storedLog(fleet.databaseUrl)).some(({ key }) => key === 'last'));
    leaving.process.kill('SIGTERM');
    const failure = await watch.ended;
    expect(told(failure)).to.equal('UNAVAILABLE DRAINING');
    expect(failure!.retryAfterMs).to.not.equal(undefined);
    expect(intOf((await inFlight).parameter)).to.equal(1);
    expect(await leaving.ended).to.equal('exit code 0');
    expect(healthy).to.deep.equal(['SERVING', 'NOT_SERVING']);
    health.cancel();
    await proxy.close();
  });
});

async function endInOrder(replica: ReplicaProcess): Promise<void> {
  replica.process.kill('SIGTERM');
  expect(await replica.ended).to.equal('exit code 0');
}

function watchHealth(replica: ReplicaProcess, seen: string[]) {
  const names = ['UNKNOWN', 'SERVING', 'NOT_SERVING'];
  const stream = replica.parameters.makeServerStreamRequest(
    '/grpc.health.v1.Health/Watch',
    () => Buffer.alloc(0),
    (bytes: Buffer) => names[bytes[1] ?? 0]!,
    {},
  );
  stream.on('data', (name: string) => seen.push(name));
  stream.on('error', () => {});
  return stream;
}
