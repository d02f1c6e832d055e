import { resolve } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../e2e/eventually.ts';
import { type Fleet, type FleetReplica, startFleet } from '../e2e/replicas.ts';
import { int } from '../e2e/rpc.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { BUILD_MS_MAX, CHOSEN, ensureBuilt } from './languages.ts';
import { type LiveProgram, SHOWN_MS_MAX, startLiveProgram } from './live-program.ts';

const KEY = 'app:config:max_users';
/** TypeScript's live-parameter.ts has a near cache, and tests of its own. */
const languages = CHOSEN.filter(({ name }) => name !== 'typescript');

describe('a live parameter in every language', () => {
  let fleet: Fleet;
  let writer: FleetReplica;
  /** What the programs watch, by way of the proxy. */
  let watched: FleetReplica;
  let proxy: TestProxy;
  let programs: LiveProgram[] = [];

  const set = (users: number) => writer.set({ key: KEY, value: int(users) });
  const allShow = (users: number) => Promise.all(programs.map((each) => each.shows(`max_users is ${users}`)));
  const watchers = async (count: number) => {
    await eventually(async () => (await watched.stats({})).watchers === BigInt(count), SHOWN_MS_MAX);
  };

  before(async function () {
    this.timeout(BUILD_MS_MAX);
    await ensureBuilt();
    fleet = await startFleet({ count: 0 });
    writer = await fleet.add();
    watched = await fleet.add();
    proxy = await startProxy(watched.replica.port);
    programs = languages.map(({ name, run }) => startLiveProgram(name, resolve(run), `127.0.0.1:${proxy.port}`));
  });
  after(async () => {
    await Promise.all(programs.map((each) => each.kill()));
    await fleet?.close();
    await proxy?.close();
  });

  it('is what the program says where there is no such parameter', () => allShow(50));

  it('follows a change', async () => {
    await set(100);
    await allShow(100);
  });

  it('comes back after its connection was cut', async () => {
    proxy.mode = 'reset';
    await watchers(0);
    proxy.mode = 'pass';
    await watchers(programs.length);
  });

  it('catches up on what changed meanwhile', async () => {
    proxy.mode = 'reset';
    await watchers(0);
    await set(110);
    await set(120);
    proxy.mode = 'pass';
    await allShow(120);
  });

  it('goes on where it was, when its replica was stopped and another one starts at the address', async () => {
    const { target } = watched;
    await watched.stop();
    await set(130);
    watched = await fleet.add({ PARAMD_LISTEN: target });
    await allShow(130);
  });

  it('follows a delete', async () => {
    await writer.delete({ key: KEY });
    await allShow(50);
  });

  it('finds out by pings that its connection has died silently', async () => {
    proxy.mode = 'blackhole';
    await set(7);
    proxy.mode = 'pass'; // for new ones: those that there were stay dead
    await allShow(7);
  });

  for (const { name } of languages) {
    it(`${name} showed each state once, in order, and nothing for a cut alone`, () => {
      const users = programs
        .find((each) => each.name === name)!
        .shown.map((line) => Number(line.slice('max_users is '.length)));
      // What changed during the cut may come as one change of the state.
      expect(users).to.deep.equal([50, 100, ...(users.includes(110) ? [110] : []), 120, 130, 50, 7]);
    });
  }
});
