import { expect } from 'chai';
import type { WatchResponse } from '../../gen/parameter/v1/parameter_service.ts';
import { requireValkey } from '../support/servers.ts';
import { campaignMs, eventually, repeating } from './eventually.ts';
import { type Fleet, type FleetReplica, startFleet } from './replicas.ts';
import { deleteOf, int, setOf, text, textOf } from './rpc.ts';
import { expectDense, expectFaithful, type Logged, storedLog } from './watch-checker.ts';

const KEYS = Array.from({ length: 12 }, (_, at) => `h:${'abc'[at % 3]}:${at}`);

describe('watches through two replicas under concurrent writers', function () {
  this.timeout(60_000 + campaignMs(3000));
  let fleet: Fleet;
  before(async function () {
    fleet = await startFleet({ valkeyUrl: requireValkey(this) });
  });
  after(() => fleet?.close());

  const any = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)]!;

  /** Sets, deletes and Commits of one to eight keys. @returns the revisions that it was told */
  function writer(replica: FleetReplica) {
    const told: bigint[] = [];
    const running = repeating(async (count) => {
      const dice = Math.random();
      if (dice < 0.5) told.push((await replica.set({ key: any(KEYS), value: int(count) })).parameter!.revision);
      else if (dice < 0.65) {
        const key = any(KEYS);
        const { revision } = await replica.delete({ key }).catch(() => ({ revision: 0n }));
        if (revision > 0n) told.push(revision);
      } else {
        const keys = [...new Set(Array.from({ length: 1 + Math.floor(Math.random() * 8) }, () => any(KEYS)))];
        const sets = keys.map((key) => (Math.random() < 0.2 ? deleteOf(key, true) : setOf(key, int(count))));
        const { revision } = await replica.commit({ operations: [...sets, setOf('h:always', int(count))] });
        told.push(revision);
      }
    });
    return { told, stop: () => running.stop() };
  }

  /** Opens a watch, leaves it after a while, and opens the next one behind it, maybe at the other replica. */
  function resumingReader(prefix: string) {
    const responses: WatchResponse[] = [];
    let next = 1n;
    const running = repeating(async () => {
      const progressInterval = { seconds: 0n, nanos: 1e8 };
      const watch = any(fleet.replicas).watch({ prefixes: [prefix], startRevision: next, progressInterval });
      const enough = 1 + Math.floor(Math.random() * 30);
      const endMs = performance.now() + 300;
      await eventually(() => watch.responses.length >= enough || performance.now() > endMs);
      watch.cancel();
      await watch.ended;
      responses.push(...watch.responses);
      next = responses.reduce((last, { revision }) => (revision > last ? revision : last), next - 1n) + 1n;
    });
    return { prefix, responses, stop: () => running.stop(), reached: () => next - 1n };
  }

  it('C9, C10: every reader sees the log, whole revisions in order, over any number of resumptions', async () => {
    const [one, two] = fleet.replicas as [FleetReplica, FleetReplica];
    const steady = [one.watch({ prefixes: [''] }), two.watch({ prefixes: ['h:a:', 'h:b:'] })];
    for (const watch of steady) await watch.begun();
    const resuming = ['', 'h:a:', 'h:', 'h:b:', 'nothing'].map(resumingReader);
    const writers = [one, one, one, two, two, two].map(writer);
    await new Promise((resolve) => setTimeout(resolve, campaignMs(3000)));
    for (const each of writers) await each.stop();
    const log = await storedLog(fleet.databaseUrl);
    const head = log.at(-1)!.revision;

    const told = writers.flatMap((each) => each.told).sort((a, b) => (a < b ? -1 : 1));
    expectDense(log);
    const logged = [...new Set(log.map(({ revision }) => revision))];
    expect(told.map(String), 'each revision was told to one writer').to.deep.equal(logged.map(String));
    expect(logged.length).to.be.above(100);

    await steady[0]!.reached(head);
    expectFaithful(steady[0]!.responses, log, { from: 1n, matches: () => true });
    const last = lastOf(log, (key) => /^h:[ab]:/.test(key));
    await steady[1]!.reached(last);
    expectFaithful(steady[1]!.responses, log, { from: 1n, matches: (key) => /^h:[ab]:/.test(key) });
    for (const reader of resuming) {
      await eventually(() => reader.reached() >= head);
      await reader.stop();
      expectFaithful(reader.responses, log, { from: 1n, matches: (key) => key.startsWith(reader.prefix) });
    }
    for (const watch of steady) watch.cancel();
  });

  it('C10: watches may begin at any revision while others write, with and without a snapshot', async () => {
    const [one, two] = fleet.replicas as [FleetReplica, FleetReplica];
    const writers = [one, two].map(writer);
    const begun: { watch: ReturnType<FleetReplica['watch']>; startRevision: bigint; sendInitial: boolean }[] = [];
    for (let at = 0; at < 30; at++) {
      const head = (await any(fleet.replicas).getMany({})).freshness!.revision;
      const sendInitial = at % 3 === 0;
      const startRevision = sendInitial ? 0n : BigInt(Math.ceil(Math.random() * Number(head)));
      begun.push({
        watch: any(fleet.replicas).watch({ prefixes: ['h:'], startRevision, sendInitial }),
        startRevision,
        sendInitial,
      });
    }
    for (const each of writers) await each.stop();
    const log = await storedLog(fleet.databaseUrl);
    const head = log.at(-1)!.revision;
    for (const { watch, startRevision, sendInitial } of begun) {
      await watch.reached(head);
      watch.cancel();
      if (sendInitial) {
        expect(stateOf(watch.responses)).to.deep.equal(stateOfLog(log));
        continue;
      }
      expectFaithful(watch.responses, log, { from: startRevision, matches: () => true });
    }
    for (const replica of fleet.replicas) await eventually(async () => (await replica.stats({})).watchers === 0n);
  });

  it('C10: the largest Commits are one response each, with all that they replaced, live and from the log', async () => {
    const [one, two] = fleet.replicas as [FleetReplica, FleetReplica];
    const keys = Array.from({ length: 300 }, (_, at) => `large:${at}`);
    const commit = (fill: string) =>
      two.commit({ operations: keys.map((key) => setOf(key, text(fill.repeat(4_500)))) });
    const first = await commit('a');
    const live = [one, two].map((replica) => replica.watch({ prefixes: ['large:'], includePrevious: true }));
    const snapshot = one.watch({ prefixes: ['large:'], sendInitial: true });
    for (const watch of [...live, snapshot]) await watch.begun();
    await commit('b');
    const last = await commit('c');
    const startRevision = first.revision + 1n;
    const resumed = [one, two].map((replica) =>
      replica.watch({ prefixes: ['large:'], includePrevious: true, startRevision }),
    );
    for (const watch of [...live, ...resumed]) {
      await watch.reached(last.revision);
      watch.cancel();
      expect(watch.changes.map(({ events }) => events.length)).to.deep.equal([300, 300]);
      const previous = watch.events.map((event) => textOf(event.previous)[0]);
      expect(previous.join('')).to.equal('a'.repeat(300) + 'b'.repeat(300));
    }
    await snapshot.reached(last.revision);
    snapshot.cancel();
    expect(stateOf(snapshot.responses)).to.deep.equal(
      Object.fromEntries(keys.sort().map((key) => [key, String(last.revision)])),
    );
  });
});

function lastOf(log: readonly Logged[], matches: (key: string) => boolean): bigint {
  return log.findLast(({ key }) => matches(key))!.revision;
}

/** Key → revision, as a client builds it from a snapshot and the changes behind it. */
function stateOf(responses: readonly WatchResponse[]): Record<string, string> {
  const state = new Map<string, bigint>();
  for (const { parameter, type } of responses.flatMap(({ events }) => events)) {
    if (type === 2) state.delete(parameter!.key);
    else state.set(parameter!.key, parameter!.revision);
  }
  return sorted(state);
}

function stateOfLog(log: readonly Logged[]): Record<string, string> {
  const state = new Map<string, bigint>();
  for (const { key, type, revision } of log) {
    if (type === 2) state.delete(key);
    else state.set(key, revision);
  }
  return sorted(state);
}

function sorted(state: ReadonlyMap<string, bigint>): Record<string, string> {
  return Object.fromEntries([...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, at]) => [key, String(at)]));
}
