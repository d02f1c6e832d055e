import { execFile } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { block, commands } from '../docs/blocks.ts';
import { part } from '../docs/pages.ts';
import { eventually } from '../e2e/eventually.ts';
import { type Fleet, type FleetReplica, startFleet } from '../e2e/replicas.ts';
import { int } from '../e2e/rpc.ts';
import { query } from '../e2e/watch-checker.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { startClient } from './client.ts';
import { grpcurlClient } from './grpcurl.ts';
import { BUILD_MS_MAX, CHOSEN, ensureBuilt, GRPCURL } from './languages.ts';
import { type Run, startRun } from './run-scenario.ts';
import { SCENARIO } from './scenario.ts';

const run = promisify(execFile);
const SCENARIO_MS_MAX = 5 * 60_000;
const TOUR_MS_MAX = 60_000;

/** What every tour prints. */
const [, TOUR = ''] = /^```\n([\s\S]+)```\n$/.exec(part('docs/languages.md', 'tour')) ?? [];

const clients = [...CHOSEN, GRPCURL];
/** With what it saw the others are compared. */
const [first] = CHOSEN.toReversed();

describe('paramd from every language', function () {
  this.timeout(TOUR_MS_MAX);
  let fleet: Fleet;
  /** Reaches PostgreSQL by way of the proxy. */
  let replica: FleetReplica;
  let proxy: TestProxy;

  before(async function () {
    this.timeout(BUILD_MS_MAX);
    await ensureBuilt();
    fleet = await startFleet({ count: 0 });
    proxy = await startProxy(Number(new URL(fleet.databaseUrl).port));
    replica = await fleet.add({ DATABASE_URL: proxy.through(fleet.databaseUrl) });
    await compactSome();
  });
  after(async () => {
    await fleet?.close();
    await proxy?.close();
  });

  for (const { name, run: program } of CHOSEN) {
    it(`${name}: the tour, and again`, async () => {
      const env = { ...process.env, PARAMD_TARGET: replica.target };
      for (const _time of [1, 2]) {
        const { stdout } = await run(program, ['tour', `tour:${name}:`], { env, timeout: TOUR_MS_MAX });
        expect(stdout).to.equal(TOUR);
      }
    });
  }

  describe('what the README says to type of grpcurl', () => {
    const lines = commands(block('README.md', 'grpcurl -plaintext 127.0.0.1:50051 list'));
    before(() => replica.set({ key: 'app:config:max_users', value: int(100) }));

    for (const line of lines) {
      it(line, async () => {
        const env = { ...process.env, PATH: `${resolve(dirname(GRPCURL.run))}:${process.env.PATH}` };
        const here = line.replaceAll('127.0.0.1:50051', replica.target);
        const { stdout } = await run('bash', ['-c', here], { env, timeout: TOUR_MS_MAX });
        expect(stdout).to.not.equal('');
      });
    }
  });

  describe('the scenario', () => {
    const runs: Run[] = [];
    before(async function () {
      this.timeout(SCENARIO_MS_MAX);
      for (const { name, run: program } of clients) {
        const start = name === GRPCURL.name ? grpcurlClient : startClient;
        runs.push(startRun(name, start(resolve(program), replica.target)));
      }
      await Promise.all(runs.map((each) => each.take(SCENARIO.calls)));
      await cutOff();
      await Promise.all(runs.map((each) => each.take(SCENARIO.outage)));
    });

    after(() => Promise.allSettled(runs.map((each) => each.close())));

    for (const step of [...SCENARIO.calls, ...SCENARIO.outage]) {
      it(step.step, () => {
        const reference = runs.find(({ name }) => name === first!.name)!.seen.get(step);
        for (const { name, seen } of runs) {
          const one = seen.get(step);
          if (one === undefined) continue;
          if (one instanceof Error) throw one;
          expect(one.unmet, `${name} saw ${JSON.stringify(one.outcome)}`).to.deep.equal([]);
          if (reference === undefined || reference instanceof Error) continue;
          expect(one.outcome, `${name} beside ${first!.name}`).to.deep.equal(reference.outcome);
        }
      });
    }

    for (const { name } of clients) {
      it(`${name} ends in good order`, () => runs.find((each) => each.name === name)!.close());
    }
  });

  /** So that a watch from revision 1 comes too late. */
  async function compactSome(): Promise<void> {
    for (let count = 0; count < 3; count++) await replica.set({ key: 'compacted', value: int(count) });
    await query(fleet.databaseUrl, 'UPDATE paramd.head SET compact_revision = 2');
    await query(fleet.databaseUrl, 'DELETE FROM paramd.change WHERE revision <= 2');
  }

  /** What it has got from the store by then, it goes on telling. */
  async function cutOff(): Promise<void> {
    proxy.mode = 'reset';
    await eventually(async () => (await replica.get({ key: 'compacted' })).freshness?.degraded === true);
  }
});
