import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { requireValkey, type TestServer } from '../support/servers.ts';
import { eventually } from './eventually.ts';
import { primaryAndCopy } from './primary-and-copy.ts';
import { type Fleet, type FleetReplica, startFleet } from './replicas.ts';
import { consistency, failureOf, int, intOf, told } from './rpc.ts';
import { expectDense, expectFaithful, storedLog } from './watch-checker.ts';

const EPOCH_ONE = 1n << 40n;

describe('a failover of PostgreSQL that loses commits', function () {
  this.timeout(60_000);
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** Tells the copy that it is restored from an archive, so that it goes on in a timeline of its own. */
  function beginTimeline(copy: TestServer): void {
    writeFileSync(join(copy.folder, 'data', 'recovery.signal'), '');
    writeFileSync(join(copy.folder, 'data', 'postgresql.auto.conf'), "restore_command = 'false'\n");
  }

  for (const timeline of ['the same timeline', 'a new timeline'] as const) {
    it(`C2, C9, C10: to a copy in ${timeline}`, async function () {
      const { primary, copy, url } = await primaryAndCopy(closing);
      const fleet: Fleet = await startFleet({ databaseUrl: url, valkeyUrl: requireValkey(this) });
      closing.push(() => fleet.close());
      const [one, two] = fleet.replicas as [FleetReplica, FleetReplica];
      const beyond = [one.watch({ prefixes: [''] }), two.watch({ keys: ['a'] })];
      const others = [one.watch({ prefixes: ['quiet'] }), two.watch({ prefixes: ['quiet'], startRevision: 3n })];
      for (const watch of [...beyond, ...others]) await watch.begun();
      for (let at = 6; at <= 10; at++) await one.set({ key: 'a', value: int(at), requestId: `write-${at}` });
      for (const watch of beyond) await watch.reached(10n);
      for (const replica of fleet.replicas) {
        expect(
          intOf((await replica.get({ key: 'a', consistency: consistency({ atLeastRevision: 10n }) })).parameter),
        ).to.equal(10);
      }

      await primary.kill();
      if (timeline === 'a new timeline') beginTimeline(copy);
      await copy.start();
      const retried = { key: 'a', value: int(8), requestId: 'write-8' };
      await eventually(() => two.set(retried).then(Boolean, () => false), 20_000);

      for (const watch of beyond) {
        expect(told(await watch.ended)).to.equal('DATA_LOSS REVISION_LOST');
      }
      const { parameter } = await two.set(retried);
      expect(parameter!.revision >= EPOCH_ONE, 'a new epoch').to.equal(true);
      expect(parameter!.version, 'behind five writes that are left').to.equal(6n);
      for (const replica of fleet.replicas) {
        const demand = consistency({ atLeastRevision: parameter!.revision });
        expect(intOf((await replica.get({ key: 'a', consistency: demand })).parameter)).to.equal(8);
        expect(intOf((await replica.get({ key: 'a' })).parameter)).to.equal(8);
        const kept = await replica.get({ key: 'a', consistency: consistency({ atLeastRevision: 5n }) });
        expect(intOf(kept.parameter)).to.equal(8);
        for (const lost of [6n, 8n, 10n, 11n, 1000n]) {
          const demand = consistency({ atLeastRevision: lost });
          for (const call of [
            replica.get({ key: 'a', consistency: demand }),
            replica.getMany({ keys: ['a'], consistency: demand }),
          ].map(failureOf)) {
            expect(told(await call), `${lost}`).to.equal('DATA_LOSS REVISION_LOST');
          }
          const resumed = replica.watch({ prefixes: [''], startRevision: lost + 1n });
          expect(told(await resumed.ended), `${lost}`).to.equal('DATA_LOSS REVISION_LOST');
        }
      }
      const { revision } = (await one.set({ key: 'quiet', value: int(1) })).parameter!;
      for (const watch of others) {
        await watch.reached(revision);
        expect(watch.events.map((event) => String(event.revision))).to.deep.equal([String(revision)]);
      }
      const log = await storedLog(copy.url);
      expectDense(log.filter((entry) => entry.revision >= EPOCH_ONE));
      expect(log.filter((entry) => entry.revision < EPOCH_ONE)).to.have.length(5);
      const whole = two.watch({ prefixes: [''], startRevision: 1n });
      await whole.reached(revision);
      expectFaithful(whole.responses, log, { from: 1n, matches: () => true });
      for (const watch of [...others, whole]) watch.cancel();
    });
  }

  it('C9, C10: back to the former primary, which has written apart: what each lost is known to be lost', async function () {
    const { primary, copy, url } = await primaryAndCopy(closing);
    const fleet = await startFleet({ databaseUrl: url, valkeyUrl: requireValkey(this) });
    closing.push(() => fleet.close());
    const [one, two] = fleet.replicas as [FleetReplica, FleetReplica];
    for (let at = 6; at <= 8; at++) await one.set({ key: 'a', value: int(at) });
    await primary.kill();
    await copy.start();
    let apart = 0n;
    await eventually(async () => {
      apart = await two.set({ key: 'a', value: int(60) }).then(
        ({ parameter }) => parameter!.revision,
        () => 0n,
      );
      return apart > 0n;
    }, 20_000);
    await one.get({ key: 'a', consistency: consistency({ atLeastRevision: apart }) });
    const watch = two.watch({ prefixes: [''], startRevision: apart });
    await watch.reached(apart);
    await copy.kill();
    await primary.start();
    let back = 0n;
    await eventually(async () => {
      back = await one.set({ key: 'b', value: int(1) }).then(
        ({ parameter }) => parameter!.revision,
        () => 0n,
      );
      return back > 0n;
    }, 20_000);
    expect(back > apart, `${back} after ${apart}`).to.equal(true);
    expect(told(await watch.ended)).to.equal('DATA_LOSS REVISION_LOST');
    for (const replica of fleet.replicas) {
      const demand = consistency({ atLeastRevision: back });
      expect(intOf((await replica.get({ key: 'a', consistency: demand })).parameter)).to.equal(8);
      const lost = await failureOf(replica.get({ key: 'a', consistency: consistency({ atLeastRevision: apart }) }));
      expect(told(lost)).to.equal('DATA_LOSS REVISION_LOST');
    }
  });
});
