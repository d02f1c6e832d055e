import { expect } from 'chai';
import { Tier } from '../../gen/parameter/v1/freshness.ts';
import { Event_Type } from '../../gen/parameter/v1/parameter.ts';
import { WatchResponse_Kind as Kind } from '../../gen/parameter/v1/parameter_service.ts';
import { requireValkey } from '../support/servers.ts';
import { eventually } from './eventually.ts';
import { type Fleet, type FleetReplica, startFleet } from './replicas.ts';
import { consistency, deleteOf, failureOf, int, intOf, setOf, text, told } from './rpc.ts';

const SECOND = { seconds: 1n, nanos: 0 };

describe('two replicas over their sockets', function () {
  this.timeout(30_000);
  let fleet: Fleet;
  let one: FleetReplica;
  let two: FleetReplica;
  before(async function () {
    fleet = await startFleet({
      valkeyUrl: requireValkey(this),
      settings: { PARAMD_SHARED_CACHE_TIMEOUT_MS: '1000' },
    });
    [one, two] = fleet.replicas as [FleetReplica, FleetReplica];
    for (const replica of fleet.replicas) await eventually(async () => (await replica.stats({})).busState === 1);
  });
  after(() => fleet?.close());

  const newest = async (replica: FleetReplica) => (await replica.getMany({})).freshness!.revision;

  it('set: creates, changes what is set, and tells all of it', async () => {
    const created = (await one.set({ key: 'set:a', value: int(1), labels: new Map([['team', 'a']]), cacheTtl: SECOND }))
      .parameter!;
    expect([created.key, Number(created.version), created.updatedBy]).to.deep.equal(['set:a', 1, 'mocha']);
    expect(intOf(created)).to.equal(1);
    expect(created.cacheTtl).to.deep.include(SECOND);
    expect(created.createRevision).to.equal(created.revision);
    const labelled = (await two.set({ key: 'set:a', labels: new Map([['x', 'y']]), removeLabels: ['team'] }))
      .parameter!;
    expect(labelled).to.deep.include({ version: 2n, cacheTtl: created.cacheTtl, createTime: created.createTime });
    expect(intOf(labelled)).to.equal(1);
    expect([...labelled.labels]).to.deep.equal([['x', 'y']]);
    expect(labelled.createRevision).to.equal(created.revision);
    const read = await one.get({ key: 'set:a', consistency: consistency({ atLeastRevision: labelled.revision }) });
    expect(read.parameter).to.deep.equal(labelled);
    const other = await two.set({ key: 'set:a', value: text('now a text'), allowKindChange: true });
    expect(other.parameter!.value!.kind).to.deep.equal(text('now a text').kind);
  });

  it('set: conditions, validate_only and request_id', async () => {
    const { revision } = (await one.set({ key: 'cond', value: int(1), ifRevision: 0n })).parameter!;
    const tried = await two.set({ key: 'cond', value: int(2), ifRevision: revision, validateOnly: true });
    expect(tried.parameter!.revision).to.equal(0n);
    const request = { key: 'cond', value: int(2), ifRevision: revision, requestId: 'cond-2' };
    const first = await two.set(request);
    const again = await one.set(request);
    expect(again).to.deep.equal(first);
    expect(intOf((await one.get({ key: 'cond' })).parameter)).to.equal(2);
  });

  it('set and commit: validate_only tells what would be, whatever is left as it is', async () => {
    const labels = new Map(Array.from({ length: 20 }, (_, at) => [`label${at}`, 'x'.repeat(200)]));
    await one.set({ key: 'try', value: int(1), labels });
    const change = { key: 'try', labels: new Map([['team', 'a']]), removeLabels: ['label3'] };
    const tried = (await two.set({ ...change, validateOnly: true })).parameter!;
    const checked = await two.commit({
      operations: [setOf('try:new', int(2)), deleteOf('try:missing', true), setOf('try', int(3))],
      validateOnly: true,
    });
    expect(checked.revision).to.equal(0n);
    expect(checked.parameters.map(intOf)).to.deep.equal([2, 3]);
    expect(checked.parameters.map((parameter) => parameter.labels.size)).to.deep.equal([0, 20]);
    const done = (await two.set(change)).parameter!;
    expect(tried).to.deep.equal({ ...done, revision: 0n, updateTime: tried.updateTime });
    expect(intOf(tried)).to.equal(1);
  });

  it('delete: conditions, allow_missing, validate_only and request_id', async () => {
    const { revision } = (await one.set({ key: 'gone', value: int(1) })).parameter!;
    expect((await two.delete({ key: 'gone', validateOnly: true })).revision).to.equal(0n);
    const request = { key: 'gone', ifRevision: revision, requestId: 'gone-1' };
    const first = await two.delete(request);
    expect(first.revision > revision).to.equal(true);
    expect(await one.delete(request)).to.deep.equal(first);
    expect((await failureOf(one.get({ key: 'gone' }))).reason).to.equal('PARAMETER_NOT_FOUND');
    const missing = await one.delete({ key: 'gone', allowMissing: true });
    expect(missing.revision >= first.revision, 'a revision at which it does not exist').to.equal(true);
  });

  it('commit: all at one revision if all conditions hold, else nothing', async () => {
    const { revision } = (await one.set({ key: 'commit:a', value: int(1) })).parameter!;
    const operations = [setOf('commit:b', int(2)), deleteOf('commit:a'), setOf('commit:c', int(3))];
    const conditions = [
      { key: 'commit:a', ifRevision: revision },
      { key: 'commit:b', ifRevision: 0n },
    ];
    expect((await two.commit({ operations, conditions, validateOnly: true })).revision).to.equal(0n);
    const request = { operations, conditions, requestId: 'commit-1' };
    const done = await two.commit(request);
    expect(done.parameters.map(({ key }) => key)).to.deep.equal(['commit:b', 'commit:c']);
    for (const parameter of done.parameters) expect(parameter.revision).to.equal(done.revision);
    expect(await one.commit(request)).to.deep.equal(done);
    const refused = await failureOf(one.commit({ operations, conditions }));
    expect(refused.reason).to.equal('REVISION_MISMATCH');
    const keys = ['commit:c', 'commit:a', 'commit:b'];
    const read = await one.getMany({ keys, consistency: consistency({ atLeastRevision: done.revision }) });
    expect(read.parameters).to.deep.equal([done.parameters[1], done.parameters[0]]);
    expect(read.missingKeys).to.deep.equal(['commit:a']);
  });

  it('C1: a read after a write on the same replica reflects it, through every tier', async () => {
    const demands = [undefined, consistency({ maxStalenessMs: 60_000 }), consistency({ linearizable: true })];
    for (let round = 0; round < 60; round++) {
      const replica = fleet.replicas[round % 2]!;
      const key = `c1:${round % 3}`;
      if (round % 10 === 9) {
        await replica.delete({ key, allowMissing: true });
        expect((await failureOf(replica.get({ key }))).reason).to.equal('PARAMETER_NOT_FOUND');
        expect((await replica.getMany({ keys: [key] })).missingKeys).to.deep.equal([key]);
        continue;
      }
      const { revision } = (await replica.set({ key, value: int(round) })).parameter!;
      const read = await replica.get({ key, consistency: demands[round % 3] });
      expect(intOf(read.parameter), `round ${round}`).to.equal(round);
      expect(read.freshness!.revision >= revision).to.equal(true);
      expect((await replica.getMany({ keys: [key] })).parameters.map(intOf)).to.deep.equal([round]);
      expect((await replica.list({ prefix: key })).parameters.map(intOf)).to.deep.equal([round]);
    }
  });

  it('a value comes from each tier in turn, which freshness tells', async () => {
    const servedFrom = async (replica: FleetReplica, key: string) => (await replica.get({ key })).freshness!.servedFrom;
    // Nobody waits for caches to be filled: the near cache has to wait where the write before is not applied yet. Who comes
    // too early comes again with another key.
    let key = '';
    await eventually(async () => {
      key = `${key}x`;
      await one.set({ key: `tiers:${key}`, value: int(1) });
      if ((await servedFrom(one, `tiers:${key}`)) !== Tier.TIER_NEAR_CACHE) return false;
      return (await servedFrom(two, `tiers:${key}`)) === Tier.TIER_SHARED_CACHE;
    });
    expect(await servedFrom(two, `tiers:${key}`)).to.equal(Tier.TIER_NEAR_CACHE);
    const strict = await one
      .get({ key: 'tiers:none', consistency: consistency({ linearizable: true }) })
      .catch((e) => e);
    expect(strict.details.freshness).to.include({ servedFrom: Tier.TIER_STORE, degraded: false });
  });

  it('C2: at_least_revision holds on the other replica at once; beyond the head it is DATA_LOSS', async () => {
    for (let round = 0; round < 50; round++) {
      const [writer, reader] = round % 2 === 0 ? [one, two] : [two, one];
      const { revision } = (await writer!.set({ key: 'c2', value: int(round) })).parameter!;
      const demand = consistency({ atLeastRevision: revision });
      const read = await reader!.get({ key: 'c2', consistency: demand });
      expect(intOf(read.parameter)).to.equal(round);
      expect(read.freshness!.revision >= revision).to.equal(true);
      const many = await reader!.getMany({ keys: ['c2'], consistency: demand });
      expect(many.parameters.map(intOf)).to.deep.equal([round]);
    }
    const demand = consistency({ atLeastRevision: (await newest(one)) + 1000n });
    const calls = [
      two.get({ key: 'c2', consistency: demand }),
      two.getMany({ keys: ['c2'], consistency: demand }),
      two.getMany({ consistency: demand }),
      two.list({ prefix: 'c2', consistency: demand }),
    ];
    for (const failure of calls.map(failureOf)) {
      expect(told(await failure)).to.equal('DATA_LOSS REVISION_LOST');
    }
  });

  it('C3: with the last revision carried along, reads never go back, also over deletes and new creations', async () => {
    let seen = 0n;
    let last = -1;
    const writing = (async () => {
      for (let round = 0; round < 80; round++) {
        const writer = fleet.replicas[round % 2]!;
        if (round % 4 === 3) await writer.delete({ key: 'c3' });
        else await writer.set({ key: 'c3', value: int(round) });
      }
    })();
    let written = false;
    writing.finally(() => {
      written = true;
    });
    for (let read = 0; !written; read++) {
      const reader = fleet.replicas[read % 2]!;
      const answer = await reader
        .get({ key: 'c3', consistency: consistency({ atLeastRevision: seen }) })
        .catch((e) => e);
      const freshness = answer.freshness ?? answer.details?.freshness;
      expect(freshness, String(answer)).to.not.equal(undefined);
      expect(freshness.revision >= seen, `${freshness.revision} after ${seen}`).to.equal(true);
      seen = freshness.revision;
      const value = intOf(answer.parameter);
      if (value === undefined) continue;
      expect(value >= last, `${value} after ${last}`).to.equal(true);
      last = value;
    }
    await writing;
  });

  it('C4: a change is visible on the other replica at once', async () => {
    const latencies: number[] = [];
    for (let round = 0; round < 200; round++) {
      const [writer, reader] = round % 2 === 0 ? [one, two] : [two, one];
      await writer!.set({ key: 'c4', value: int(round) });
      const committedMs = performance.now();
      await eventually(async () => intOf((await reader!.get({ key: 'c4' })).parameter) === round, 2000);
      latencies.push(performance.now() - committedMs);
    }
    latencies.sort((a, b) => a - b);
    const [p50, p95, max] = [latencies[100]!, latencies[190]!, latencies.at(-1)!];
    console.log(`      visible after p50 ${p50.toFixed(1)}, p95 ${p95.toFixed(1)}, max ${max.toFixed(1)} ms`);
    // The promise is 50 ms at p99.9; a machine that other tests share makes outliers of its own.
    expect(p50).to.be.below(50);
    expect(p95).to.be.below(200);
  });

  it('lists pages as of the first one, on any replica, whatever is written between them', async () => {
    const keys = Array.from({ length: 25 }, (_, at) => `page:${String(at).padStart(2, '0')}`);
    await one.commit({ operations: keys.map((key) => setOf(key, int(1))) });
    const prefix = 'page:';
    const first = await one.list({ prefix, pageSize: 10 });
    await two.commit({
      operations: [setOf('page:12', int(2)), deleteOf('page:15'), setOf('page:15a', int(2)), deleteOf('page:00')],
    });
    const second = await two.list({ prefix, pageSize: 10, pageToken: first.nextPageToken });
    const third = await one.list({ prefix, pageSize: 10, pageToken: second.nextPageToken });
    expect(third.nextPageToken).to.equal('');
    const all = [first, second, third].flatMap(({ parameters }) => parameters);
    expect(all.map(({ key }) => key)).to.deep.equal(keys);
    expect(all.map(intOf)).to.deep.equal(keys.map(() => 1));
    for (const page of [second, third]) expect(page.freshness!.revision).to.equal(first.freshness!.revision);
    const bare = await two.list({ prefix, keysOnly: true, consistency: consistency({ linearizable: true }) });
    expect(bare.parameters.map(({ key, value }) => [key, value])).to.deep.include(['page:15a', undefined]);
    expect(bare.parameters).to.have.length(24);
  });

  it('keeps awkward keys, and lists them in the order of their bytes', async () => {
    const awkward = [
      'ÿ',
      '\u{ffff}',
      '\u{1f600}',
      '\u{10ffff}',
      'a\u{301}b'.normalize('NFC'),
      '%',
      '_',
      '\\',
      "'",
      '"',
      ' ',
    ];
    awkward.push('__proto__', 'constructor', '{', '*', '$1', 'z'.repeat(512), 'é', 'е', '~', '-', 'A', 'a', '🇨🇭', '中');
    const prefix = 'awk:';
    const keys = awkward.map((key) => `${prefix}${key}`.slice(0, 512));
    await one.commit({ operations: keys.map((key, at) => setOf(key, int(at))) });
    const watch = two.watch({ keys: keys.slice(0, 100), sendInitial: true });
    for (const [at, key] of keys.entries()) {
      const { parameter } = await two.get({ key, consistency: consistency({ linearizable: at % 2 === 0 }) });
      expect(parameter?.key).to.equal(key);
      expect(intOf(parameter)).to.equal(at);
    }
    const ordered = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const listed: string[] = [];
    for (let pageToken = '', more = true; more; more = pageToken !== '') {
      const page = await two.list({ prefix, pageSize: 4, pageToken });
      listed.push(...page.parameters.map(({ key }) => key));
      pageToken = page.nextPageToken;
    }
    expect(listed).to.deep.equal(ordered);
    for (const key of keys) {
      const page = await one.list({ prefix: key, keysOnly: true });
      const expected = ordered.filter((other) => other.startsWith(key));
      expect(
        page.parameters.map((parameter) => parameter.key),
        key,
      ).to.deep.equal(expected);
    }
    await eventually(() => watch.responses.some(({ kind }) => kind === Kind.KIND_INITIAL_COMPLETE));
    const initial = watch.responses.filter(({ kind }) => kind === Kind.KIND_INITIAL).flatMap(({ events }) => events);
    expect(initial.map(({ parameter }) => parameter!.key)).to.deep.equal(ordered);
    watch.cancel();
  });

  it('watch: selection, previous, initial, progress and resumption', async () => {
    await one.set({ key: 'w:a', value: int(1) });
    const { revision } = (await one.set({ key: 'w:b', value: int(1) })).parameter!;
    const live = two.watch({
      prefixes: ['w:'],
      keys: ['other'],
      includePrevious: true,
      progressInterval: { seconds: 0n, nanos: 1e8 },
    });
    const initial = one.watch({ prefixes: ['w:'], sendInitial: true });
    await live.begun();
    await eventually(() => initial.responses.length >= 2);
    await two.set({ key: 'w:a', value: int(2) });
    await one.delete({ key: 'w:b' });
    const last = await two.commit({
      operations: [setOf('w:c', int(3)), setOf('unwatched', int(3)), setOf('other', int(3))],
    });
    await live.reached(last.revision);
    await initial.reached(last.revision);
    const told = live.events.map(({ type, parameter, previous }) => [
      type === Event_Type.TYPE_PUT ? 'put' : 'delete',
      parameter!.key,
      intOf(parameter),
      intOf(previous),
    ]);
    expect(told).to.deep.equal([
      ['put', 'w:a', 2, 1],
      ['delete', 'w:b', undefined, 1],
      ['put', 'w:c', 3, undefined],
      ['put', 'other', 3, undefined],
    ]);
    const [snapshot, complete] = initial.responses;
    expect(snapshot!.events.map(({ parameter }) => parameter!.key)).to.deep.equal(['w:a', 'w:b']);
    expect(snapshot!.revision).to.equal(0n);
    expect(complete).to.deep.include({ kind: Kind.KIND_INITIAL_COMPLETE, events: [] });
    expect(initial.events.map(({ parameter }) => parameter!.key)).to.deep.equal(['w:a', 'w:b', 'w:c']);
    const unseen = (await one.set({ key: 'unwatched', value: int(4) })).parameter!.revision;
    await eventually(() => live.responses.some((each) => each.kind === Kind.KIND_PROGRESS && each.revision >= unseen));
    const resumed = two.watch({ prefixes: ['w:'], startRevision: revision + 2n });
    await resumed.reached(last.revision);
    expect(resumed.events.map(({ parameter }) => parameter!.key)).to.deep.equal(['w:b', 'w:c']);
    for (const watch of [live, initial, resumed]) watch.cancel();
  });

  it('stats and warm-up: the bus, the tiers, the watchers', async () => {
    const keys = Array.from({ length: 50 }, (_, at) => `warm:${at}`);
    await one.commit({ operations: keys.map((key) => setOf(key, int(1))) });
    const watch = two.watch({ prefixes: ['warm:'] });
    await watch.begun();
    const warmed = two.caches.warmCache({ prefix: 'warm:', maxKeysPerSecond: 0 });
    const progress: { warmedKeys: bigint; complete: boolean }[] = [];
    for await (const each of warmed) progress.push(each);
    expect(progress.at(-1)).to.deep.include({ warmedKeys: 50n, complete: true });
    const read = await two.getMany({ keys });
    expect(read.freshness!.servedFrom).to.equal(Tier.TIER_NEAR_CACHE);
    const stats = await two.stats({});
    expect(stats).to.include({ busState: 1, watchers: 1n });
    expect(stats.appliedRevision).to.equal(await newest(one));
    expect(stats.tiers.map(({ tier }) => tier)).to.deep.equal([1, 2, 3]);
    expect(Number(stats.tiers[0]!.hits)).to.be.at.least(50);
    watch.cancel();
    await eventually(async () => (await two.stats({})).watchers === 0n);
  });
});
