import { execFile } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { commandBlocks, part } from '../docs/pages.ts';
import { type Fleet, type FleetReplica, startFleet } from '../e2e/replicas.ts';
import { int } from '../e2e/rpc.ts';
import { query } from '../e2e/watch-checker.ts';
import { startClient } from './client.ts';
import { grpcurlClient } from './grpcurl.ts';
import { buildAll, demandToolchains, GRPCURL, LANGUAGES } from './languages.ts';
import { type Run, runScenario } from './run-scenario.ts';
import { SCENARIO } from './scenario.ts';

const run = promisify(execFile);
const BUILD_MS_MAX = 15 * 60_000;
const SCENARIO_MS_MAX = 5 * 60_000;
const TOUR_MS_MAX = 60_000;

/** What every tour prints. */
const [, TOUR = ''] = /^```\n([\s\S]+)```\n$/.exec(part('docs/languages.md', 'tour')) ?? [];

/** By default all; those who work on some may name them. */
const chosen = process.env.PARAMD_TEST_LANGUAGES?.split(',');
const languages = LANGUAGES.filter(({ name }) => chosen?.includes(name) ?? true);
const clients = [...languages, GRPCURL];
/** With what it saw the others are compared. */
const [first] = languages.toReversed();

describe('paramd from every language', function () {
  this.timeout(TOUR_MS_MAX);
  let fleet: Fleet;
  let replica: FleetReplica;

  before(async function () {
    this.timeout(BUILD_MS_MAX);
    demandToolchains(clients);
    await buildAll(clients);
    fleet = await startFleet({ count: 1 });
    replica = fleet.replicas[0]!;
    await compactSome();
  });
  after(() => fleet?.close());

  for (const { name, run: program } of languages) {
    it(`${name}: the tour, and again`, async () => {
      const env = { ...process.env, PARAMD_TARGET: replica.target };
      for (const _time of [1, 2]) {
        const { stdout } = await run(program, ['tour', `tour:${name}:`], { env, timeout: TOUR_MS_MAX });
        expect(stdout).to.equal(TOUR);
      }
    });
  }

  describe('the scenario', () => {
    const runs = new Map<string, Run>();
    before('all clients', async function () {
      this.timeout(SCENARIO_MS_MAX);
      const going = clients.map(async ({ name, run: program }) => {
        const start = name === GRPCURL.name ? grpcurlClient : startClient;
        runs.set(name, await runScenario(name, start(resolve(program), replica.target)));
      });
      await Promise.all(going);
    });

    for (const step of SCENARIO) {
      it(step.step, () => {
        const reference = runs.get(first!.name)!.get(step);
        for (const { name } of clients) {
          const seen = runs.get(name)!.get(step);
          if (seen === undefined) continue;
          if (seen instanceof Error) throw seen;
          expect(seen.unmet, `${name} saw ${JSON.stringify(seen.outcome)}`).to.deep.equal([]);
          if (reference === undefined || reference instanceof Error) continue;
          expect(seen.outcome, `${name} beside ${first!.name}`).to.deep.equal(reference.outcome);
        }
      });
    }
  });

  describe('what the README says to type of grpcurl', () => {
    const lines = commandBlocks('README.md')
      .flat()
      .filter((line) => line.startsWith('grpcurl '));
    before(() => replica.set({ key: 'app:config:max_users', value: int(100) }));

    it('is there', () => expect(lines).to.not.be.empty);
    for (const line of lines) {
      it(line, async () => {
        const env = { ...process.env, PATH: `${resolve(dirname(GRPCURL.run))}:${process.env.PATH}` };
        const here = line.replaceAll('127.0.0.1:50051', replica.target);
        const { stdout } = await run('bash', ['-c', here], { env, timeout: TOUR_MS_MAX });
        expect(stdout).to.not.equal('');
      });
    }
  });

  /** So that a watch from revision 1 comes too late. */
  async function compactSome(): Promise<void> {
    for (let count = 0; count < 3; count++) await replica.set({ key: 'compacted', value: int(count) });
    await query(fleet.databaseUrl, 'UPDATE paramd.head SET compact_revision = 2');
    await query(fleet.databaseUrl, 'DELETE FROM paramd.change WHERE revision <= 2');
  }
});
