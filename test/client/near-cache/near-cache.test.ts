import { tmpdir } from 'node:os';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import * as z from 'zod';
import { ErrorInfo } from '../../../gen/google/rpc/error_details.ts';
import { type Change, type NearCache, NearCacheTimeout, ParamdRpcError } from '../../../src/client/index.ts';
import type { NearCacheSettings } from '../../../src/client/near-cache/near-cache.ts';
import { openNearCache } from '../../../src/client/near-cache/open-near-cache.ts';
import {
  changes,
  parameter,
  put,
  removal,
  type ScriptedClient,
  scriptedClient,
  settled,
  snapshot,
  unavailable,
} from './scripted-client.ts';
import { type VirtualTime, virtualTime } from './virtual-time.ts';

describe('near cache', () => {
  let time: VirtualTime;
  let client: ScriptedClient;
  let log: string[];
  let params: NearCache;
  beforeEach(() => {
    time = virtualTime();
    client = scriptedClient();
    log = [];
  });
  afterEach(() => params?.close());

  function open(settings: Partial<NearCacheSettings> = {}): void {
    params = openNearCache(client, { prefixes: ['app:'], log: (line) => log.push(line), ...settings }, time);
  }

  async function openWith(values: Parameters<typeof snapshot>[1], revision = 10n): Promise<void> {
    client.head = revision;
    open();
    await client.watching.push(snapshot(revision, values));
  }

  async function failure(promise: Promise<unknown>): Promise<unknown> {
    return promise.then(
      () => expect.fail('nothing failed'),
      (error: unknown) => error,
    );
  }

  describe('reads', () => {
    it('give every kind as its own type', async () => {
      await openWith({
        'app:s': 'text',
        'app:i': 7n,
        'app:d': 0.5,
        'app:b': false,
        'app:x': Buffer.from([0, 255]),
        'app:t': { durationNs: 1_500_000_250n },
        'app:l': ['a', 'b'],
        'app:j': { json: '{"a":[1,{"b":null}]}' },
      });
      expect(params.string('app:s', '')).to.equal('text');
      expect(params.number('app:i', 0)).to.equal(7);
      expect(params.number('app:d', 0)).to.equal(0.5);
      expect(params.bigint('app:i', 0n)).to.equal(7n);
      expect(params.boolean('app:b', true)).to.equal(false);
      expect([...params.bytes('app:x', new Uint8Array())]).to.deep.equal([0, 255]);
      expect(params.duration('app:t', 0)).to.equal(1500.00025);
      expect(params.list('app:l', [])).to.deep.equal(['a', 'b']).and.to.be.frozen;
      expect(params.json('app:j', null)).to.deep.equal({ a: [1, { b: null }] });
      expect(params.size).to.equal(8);
      expect(Object.fromEntries(params.entries('app:s'))).to.deep.equal({ 'app:s': 'text' });
      expect([params.kindOf('app:t'), params.kindOf('app:none')]).to.deep.equal(['duration', undefined]);
      expect([params.has('app:s'), params.has('app:none')]).to.deep.equal([true, false]);
      expect(params.defaultsUsed.size).to.equal(0);
      expect(log).to.deep.equal([]);
    });

    it('refuse integers that a number would round', async () => {
      await openWith({ 'app:max': 2n ** 53n - 1n, 'app:beyond': 2n ** 53n, 'app:least': -(2n ** 63n) });
      expect(params.number('app:max', 1)).to.equal(2 ** 53 - 1);
      expect(params.number('app:beyond', 1)).to.equal(1);
      expect(params.bigint('app:least', 1n)).to.equal(-(2n ** 63n));
      expect(params.detail('number', 'app:beyond', 1)).to.include({
        value: 1,
        reason: 'WRONG_KIND',
        revision: 0n,
        problem: 'it is an integer beyond 2^53: read it as bigint',
      });
    });

    it('give the default for another kind, also one that is newer than this client', async () => {
      client.head = 3n;
      open();
      const unknown = parameter('app:new', undefined, 3n);
      await client.watching.push({
        kind: 'snapshot',
        parameters: [unknown, parameter('app:t', { durationNs: 5n }, 3n)],
        revision: 3n,
      });
      expect(params.number('app:t', 9)).to.equal(9);
      expect(params.duration('app:t', 9)).to.equal(0.000005);
      expect(params.string('app:new', 'default')).to.equal('default');
      expect(params.detail('string', 'app:new', '').problem).to.include('newer than this client');
      expect(params.kindOf('app:new')).to.equal(undefined);
      expect([...params.entries()].map(([key]) => key)).to.deep.equal(['app:t']);
      await client.watching.push(changes(put('app:new', 'known', 4n)));
      expect(params.string('app:new', 'default')).to.equal('known');
    });

    it('say why: NOT_READY, MISSING, WRONG_KIND, CACHE', async () => {
      open();
      const reason = () => params.detail('number', 'app:n', 1).reason;
      expect(reason()).to.equal('NOT_READY');
      await client.watching.push(snapshot(1n));
      expect(reason()).to.equal('MISSING');
      await client.watching.push(changes(put('app:n', 'text', 2n)));
      expect(reason()).to.equal('WRONG_KIND');
      await client.watching.push(changes(put('app:n', 5n, 3n)));
      expect(params.detail('number', 'app:n', 1)).to.include({ value: 5, reason: 'CACHE', revision: 3n });
      await client.watching.push(changes(removal('app:n', 4n)));
      expect(reason()).to.equal('MISSING');
    });

    it('refuse a key that is under no prefix', async () => {
      await openWith({ 'app:n': 1n });
      for (const read of [
        () => params.number('other:n', 1),
        () => params.detail('json', 'other:n', null),
        () => params.has('other:n'),
        () => params.kindOf('other:n'),
        () => params.entries('other:'),
        () => params.onChange('other:n', () => {}),
        () => params.onChange({ prefix: 'other:' }, () => {}),
      ]) {
        expect(read).to.throw(TypeError, 'under none of');
      }
      params.onChange({ prefix: '' }, () => {})();
      expect([...params.entries('ap')]).to.deep.equal([['app:n', 1n]]);
    });

    it('count defaults, and log each key once per reason', async () => {
      open();
      params.number('app:a', 1);
      params.number('app:a', 1);
      await client.watching.push(snapshot(1n, { 'app:b': 'text' }));
      params.number('app:a', 1);
      params.number('app:b', 1);
      params.number('app:b', 1);
      expect(params.defaultsUsed.get('app:a')).to.include({ count: 3, reason: 'MISSING' });
      expect(params.defaultsUsed.get('app:b')).to.include({ count: 2, reason: 'WRONG_KIND' });
      expect(log).to.deep.equal([
        'near cache: default used for app:a: nothing is loaded yet (NOT_READY)',
        'near cache: default used for app:a: there is no such parameter (MISSING)',
        'near cache: default used for app:b: it is of kind string, read as number (WRONG_KIND)',
      ]);
    });

    it('count defaults of at most 10,000 keys', async () => {
      await openWith({});
      for (let i = 0; i < 10_100; i++) params.number(`app:${i}`, i);
      expect(params.defaultsUsed.size).to.equal(10_000);
      expect(log).to.have.length(10_001);
      expect(log.at(-1)).to.include('further keys are not counted');
    });
  });

  describe('json', () => {
    const Limits = z.object({ users: z.number(), names: z.array(z.string()).default([]) });

    it('is parsed once and frozen all the way down', async () => {
      await openWith({ 'app:j': { json: '{"a":[{"b":1}]}' } });
      const value = params.json('app:j', {}) as { a: { b: number }[] };
      expect(value).to.be.frozen;
      expect(value.a[0]).to.be.frozen;
      expect(params.json('app:j', {})).to.equal(value);
      await client.watching.push(changes(put('app:j', { json: '1' }, 11n)));
      expect(params.json('app:j', {})).to.equal(1);
    });

    it('is what the schema puts out, checked once', async () => {
      await openWith({ 'app:j': { json: '{"users":5}' } });
      let checks = 0;
      const counted = Limits.transform((limits) => ({ ...limits, checks: ++checks, at: new Date(0) }));
      const value = params.json('app:j', { users: 0, names: [], checks: 0, at: new Date(1) }, counted);
      expect(value).to.deep.equal({ users: 5, names: [], checks: 1, at: new Date(0) });
      expect(params.json('app:j', value, counted)).to.equal(value);
      expect(value.names).to.be.frozen;
      expect(value.at).to.not.be.frozen;
      expect(params.json('app:j', { users: 0, names: [] }, Limits)).to.deep.equal({ users: 5, names: [] });
      expect(params.json('app:j', null)).to.deep.equal({ users: 5 });
    });

    it('that the schema refuses is the default, and the problem tells the place and not the value', async () => {
      await openWith({ 'app:j': { json: '{"users":"secret","names":[1]}' } });
      const fallback = { users: 1, names: [] };
      const detail = params.detail('json', 'app:j', fallback, Limits);
      expect(detail).to.include({ value: fallback, reason: 'WRONG_KIND' });
      expect(detail.problem).to.match(/users: .*; names\.0: /);
      expect(detail.problem).to.not.include('secret');
      expect(params.json('app:j', fallback, Limits)).to.equal(fallback);
    });

    it('is the default where the schema throws or the text is no JSON', async () => {
      await openWith({ 'app:j': { json: '1' }, 'app:bad': { json: '{' } });
      const validate = () => {
        throw new RangeError('secret');
      };
      const throwing = { '~standard': { version: 1 as const, vendor: 'test', validate } };
      expect(params.detail('json', 'app:j', null as never, throwing).problem).to.equal('the schema threw RangeError');
      expect(params.detail('json', 'app:bad', null)).to.include({ reason: 'WRONG_KIND', problem: 'it is no JSON' });
    });

    it('is the default where the schema answers what is no result, or what cannot be frozen', async () => {
      await openWith({ 'app:j': { json: '1' } });
      const trap = {
        get name() {
          throw new Error('secret');
        },
      };
      for (const result of [undefined, null, { issues: 'none' }, { issues: [null] }, { value: trap }]) {
        const schema = { '~standard': { version: 1 as const, vendor: 'test', validate: () => result as never } };
        expect(params.json('app:j', 'default', schema)).to.equal('default');
        expect(params.detail('json', 'app:j', '', schema).problem).to.match(/^the schema threw \w*Error$/);
      }
    });

    it('refuses an asynchronous schema', async () => {
      await openWith({ 'app:j': { json: '1' } });
      const asynchronous = z.number().refine(() => Promise.reject(new Error('later')));
      expect(() => params.json('app:j', 0, asynchronous)).to.throw(TypeError, 'asynchronous');
    });
  });

  describe('changes', () => {
    let seen: Change[];
    beforeEach(async () => {
      await openWith({ 'app:a': 1n, 'app:b': 'x' });
      seen = [];
    });

    it('are told by key and by prefix, in order, when all of them are in place', async () => {
      params.onChange('app:a', (change) => {
        expect(params.string('app:c', '')).to.equal('new');
        seen.push(change);
      });
      const keys: string[] = [];
      const end = params.onChange({ prefix: 'app:' }, ({ key }) => keys.push(key));
      await client.watching.push(changes(put('app:a', 2n, 11n), put('app:c', 'new', 11n)));
      await client.watching.push(changes(removal('app:a', 12n)));
      expect(seen).to.deep.equal([
        { key: 'app:a', value: 2n, previous: 1n, revision: 11n },
        { key: 'app:a', value: undefined, previous: 2n, revision: 12n },
      ]);
      expect(keys).to.deep.equal(['app:a', 'app:c', 'app:a']);
      end();
      await client.watching.push(changes(put('app:a', 3n, 13n)));
      expect(keys).to.have.length(3);
      expect(seen).to.have.length(3);
    });

    it('of a state that is loaded anew are the difference', async () => {
      params.onChange({ prefix: '' }, (change) => seen.push(change));
      await client.watching.push(snapshot(20n, { 'app:b': 'x', 'app:c': 3n }));
      expect(seen).to.deep.equal([
        { key: 'app:c', value: 3n, previous: undefined, revision: 20n },
        { key: 'app:a', value: undefined, previous: 1n, revision: 20n },
      ]);
    });

    it('go on behind a listener that throws', async () => {
      params.onChange('app:a', () => {
        throw new Error('mine');
      });
      params.onChange('app:a', (change) => seen.push(change));
      await client.watching.push(changes(put('app:a', 2n, 11n)));
      expect(seen).to.have.length(1);
      expect(log).to.deep.equal(['near cache: a listener for app:a threw Error: mine']);
    });

    it('go on behind a listener that throws what has no text, and one whose promise rejects', async () => {
      params.onChange('app:a', () => {
        throw Object.create(null);
      });
      params.onChange('app:a', async () => {
        throw new Error('later');
      });
      params.onChange('app:a', (change) => seen.push(change));
      await client.watching.push(changes(put('app:a', 2n, 11n)));
      expect(seen).to.have.length(1);
      const threw = 'near cache: a listener for app:a threw';
      expect(log).to.deep.equal([`${threw} what has no text`, `${threw} Error: later`]);
    });

    it('are not told any more to a listener that another one has ended', async () => {
      const heard: string[] = [];
      params.onChange('app:a', () => {
        heard.push('first');
        for (const end of ends) end();
        params.onChange('app:a', () => heard.push('late'));
      });
      const ends = [
        params.onChange('app:a', () => heard.push('by key')),
        params.onChange({ prefix: 'app:' }, () => heard.push('by prefix')),
      ];
      await client.watching.push(changes(put('app:a', 2n, 11n)));
      expect(heard).to.deep.equal(['first']);
    });

    it('that are known already, or of no parameter, change nothing', async () => {
      params.onChange({ prefix: '' }, (change) => seen.push(change));
      await client.watching.push(changes(put('app:a', 99n, 9n)));
      const empty = { ...put('app:a', 1n, 11n), parameter: undefined };
      await client.watching.push({ kind: 'changes', events: [empty], revision: 11n });
      await client.watching.push({ kind: 'progress', revision: 5n });
      expect(seen).to.deep.equal([]);
      expect([params.number('app:a', 0), params.revision]).to.deep.equal([1, 11n]);
    });
  });

  describe('waiting', () => {
    it('for the first state', async () => {
      open();
      let isReady = false;
      const ready = params.ready().finally(() => {
        isReady = true;
      });
      expect(params.source).to.equal('NOT_READY');
      await client.watching.push(snapshot(0n));
      expect(isReady, 'before its age was asked for').to.equal(false);
      await client.check.answer(0n);
      expect(await ready).to.equal('CACHE');
      expect(params.detail('number', 'app:n', 0).degraded).to.equal(false);
      expect(await params.ready()).to.equal('CACHE');
    });

    it('for the first state ends in time, and says why', async () => {
      open();
      client.watching.settings.onBroken?.(unavailable(), 100);
      const error = failure(params.ready({ timeoutMs: 300 }));
      await time.advance(300);
      expect(await error).to.be.instanceOf(NearCacheTimeout);
      expect(await error).to.have.nested.property('cause.status', 'UNAVAILABLE');
    });

    it('for the first state tells of whatever the client failed with', async () => {
      open();
      const error = failure(params.ready({ timeoutMs: 300 }));
      await client.check.fail(new Error('no token'));
      await time.advance(300);
      expect(await error).to.have.property('message', 'no parameters were loaded in time: no token');
      expect(await error).to.have.nested.property('cause.message', 'no token');
    });

    it('for the first state says why there is no watch, also where checks succeed', async () => {
      client.head = 10n;
      open();
      const waiting = failure(params.ready({ timeoutMs: 3_000 }));
      await client.watching.fail(new ParamdRpcError(status.RESOURCE_EXHAUSTED, 'too many watches'));
      await time.advance(3_000);
      expect(((await waiting) as Error).message).to.equal('no parameters were loaded in time: too many watches');
    });

    it('goes on where the client fails with what has no text', async () => {
      open();
      const waiting = failure(params.ready({ timeoutMs: 1 }));
      const thrown: unknown = Object.create(null);
      await client.check.fail(thrown);
      await client.watching.fail(thrown);
      await time.advance(1);
      expect(await waiting).to.have.property('message', 'no parameters were loaded in time: what has no text');
      expect(log.join()).to.include('no watch can be had: what has no text');
      await time.advance(1_000);
      expect(client.watches).to.have.length(2);
    });

    it('for the first state lasts as long as it is told to, on the clock of the system too', async () => {
      const cache = openNearCache(client, { prefixes: ['app:'] });
      const ready = cache.ready({ timeoutMs: Number.POSITIVE_INFINITY });
      const timeUp = new Promise((resolve) => setTimeout(resolve, 2, 'still waiting'));
      expect(await Promise.race([ready, timeUp])).to.equal('still waiting');
      await client.watching.push(snapshot(1n));
      await client.check.answer(1n);
      expect(await ready).to.equal('CACHE');
      await cache.close();
    });

    it('for the first state ends at once where no watch can be had, which is tried again all the same', async () => {
      open();
      const error = failure(params.ready());
      await client.watching.fail(new ParamdRpcError(status.INVALID_ARGUMENT, 'prefixes[0]: not in NFC'));
      expect(await error)
        .to.have.property('message')
        .that.includes('not in NFC');
      expect(log).to.deep.equal([
        'near cache: no watch can be had: INVALID_ARGUMENT: prefixes[0]: not in NFC; trying again now and then',
      ]);
      await time.advance(1_000);
      expect(client.watches).to.have.length(2);
      await client.watching.fail(new ParamdRpcError(status.INVALID_ARGUMENT, 'prefixes[0]: not in NFC'));
      expect(log).to.have.length(1);
      await time.advance(2_000);
      await client.watching.push(snapshot(1n));
      await client.check.fail(unavailable());
      expect(await params.ready()).to.equal('CACHE');
    });

    it('is told of once where no server answers from the start on', async () => {
      open();
      client.watching.settings.onBroken?.(unavailable(), 100);
      await client.check.fail(unavailable());
      await time.advance(10_000);
      expect(log.filter((line) => line.includes('no server has answered yet'))).to.have.length(1);
      expect(log.filter((line) => line.includes('stands still'))).to.deep.equal([]);
    });

    it('for a revision', async () => {
      await openWith({}, 5n);
      await params.atLeast(5n);
      let reached = false;
      params.onChange('app:a', () => expect(reached).to.equal(false));
      const waiting = params.atLeast(7n).then(() => {
        reached = true;
      });
      await client.watching.push({ kind: 'progress', revision: 6n });
      expect(reached).to.equal(false);
      await client.watching.push(changes(put('app:a', 1n, 7n)));
      await waiting;
      const late = failure(params.atLeast(8n, { timeoutMs: 50 }));
      await time.advance(50);
      expect(await late).to.be.instanceOf(NearCacheTimeout);
    });

    it('ends with the reason of a signal, and when the cache is closed', async () => {
      open();
      const controller = new AbortController();
      const error = failure(params.ready({ signal: controller.signal }));
      const other = failure(params.atLeast(1n));
      controller.abort(new Error('enough'));
      expect(await error).to.have.property('message', 'enough');
      await params.close();
      expect(await other)
        .to.have.property('message')
        .that.includes('closed');
      expect(await failure(params.ready())).to.be.instanceOf(NearCacheTimeout);
    });
  });

  describe('bound', () => {
    it('is the age of the check plus the age of its answer', async () => {
      open();
      await time.advance(30);
      await client.check.answer(10n, 40);
      expect(params.stalenessBoundMs).to.equal(undefined);
      await client.watching.push(snapshot(10n, { 'app:n': 1n }));
      expect(params.stalenessBoundMs).to.be.closeTo(70, 0.1);
      await time.advance(100);
      const detail = params.detail('number', 'app:n', 0);
      expect(detail.stalenessBoundMs).to.be.closeTo(170, 0.1);
      expect(detail.degraded).to.equal(false);
    });

    it('waits for the watch to reach the head of the check', async () => {
      open();
      await client.watching.push(snapshot(10n));
      await client.check.answer(12n, 0);
      expect(params.stalenessBoundMs).to.equal(undefined);
      await time.advance(500);
      await client.watching.push({ kind: 'progress', revision: 11n });
      expect(params.stalenessBoundMs).to.equal(undefined);
      await client.watching.push({ kind: 'progress', revision: 12n });
      expect(params.stalenessBoundMs).to.be.closeTo(500, 0.1);
    });

    it('is nothing without the age of the answer, and true with that of a degraded one', async () => {
      open();
      await client.watching.push(snapshot(10n));
      await client.check.answer(10n, Number.POSITIVE_INFINITY);
      expect(params.stalenessBoundMs).to.equal(undefined);
      await time.advance(2_250);
      await client.check.answer(10n, 60_000, true);
      expect(params.detail('number', 'app:n', 0)).to.include({ degraded: true });
      expect(params.stalenessBoundMs).to.be.closeTo(60_000, 0.1);
    });

    it('is asked for again when no answer comes, soon and one at a time', async () => {
      await openWith({});
      client.head = undefined;
      await time.advance(2_250);
      const asked = client.checks.length;
      await time.advance(624);
      expect(client.check.settings.signal?.aborted).to.equal(false);
      await time.advance(2);
      expect(client.check.settings.signal?.aborted).to.equal(true);
      await time.advance(250);
      expect(client.checks).to.have.length(asked + 1);
      await client.check.answer(10n);
      expect(params.stalenessBoundMs).to.be.below(250);
    });

    it('takes an answer that this process was too busy to read in time', async () => {
      let aheadMs = 0;
      const standing = { ...time, nowMs: () => time.nowMs() + aheadMs };
      params = openNearCache(client, { prefixes: ['app:'], log: (line) => log.push(line) }, standing);
      await client.watching.push(snapshot(10n));
      await time.advance(600);
      aheadMs = 1_400;
      await time.advance(30);
      await client.check.answer(10n, 0);
      expect(client.checks).to.have.length(1);
      expect(params.stalenessBoundMs).to.be.closeTo(2_030, 1);
    });

    it('is taken from a degraded answer as long as no better one is to be had', async () => {
      open();
      await client.watching.push(snapshot(10n));
      const asked = () => client.check.settings.maxStalenessMs;
      expect(asked()).to.equal(500);
      await client.check.fail(unavailable());
      await time.advance(250);
      expect(asked()).to.equal(undefined);
      await client.check.answer(10n, 3_000, true);
      expect(params.stalenessBoundMs).to.be.within(3_000, 3_100);
      await time.advance(2_500);
      expect(asked()).to.equal(undefined);
      await client.check.answer(10n, 100);
      await time.advance(2_500);
      expect(asked()).to.equal(500);
    });

    it('grows with a wall clock that runs ahead, and with none that is put back (suspend)', async () => {
      await openWith({});
      await time.advance(100);
      time.jumpWall(-3_600_000);
      expect(params.stalenessBoundMs).to.be.closeTo(120, 0.1);
      time.jumpWall(60_000);
      expect(params.stalenessBoundMs).to.be.closeTo(60_120, 0.1);
      expect(params.detail('number', 'app:n', 0).degraded).to.equal(true);
      await time.advance(2_500);
      expect(params.stalenessBoundMs).to.be.below(2_500);
    });

    it('is kept within what was asked for by few checks', async () => {
      client.head = 10n;
      open({ maxStalenessMs: 2_000 });
      await client.watching.push(snapshot(10n));
      for (let i = 0; i < 600; i++) {
        await time.advance(100);
        expect(params.stalenessBoundMs).to.be.below(1_200);
      }
      expect(client.checks.length).to.be.within(60, 80);
      expect(client.check.settings).to.deep.include({ atLeastRevision: 10n, maxStalenessMs: 200 });
      expect(client.watching.settings).to.include({ progressIntervalMs: 400, initial: true });
    });

    it('tells when answers become degraded and when not any more', async () => {
      await openWith({});
      const told: boolean[] = [];
      params.onDegraded((degraded) => told.push(degraded));
      client.head = undefined;
      await time.advance(2_500);
      await client.check.fail(unavailable());
      await time.advance(2_450);
      expect([told, params.degraded]).to.deep.equal([[], false]);
      await time.advance(100);
      expect([told, params.degraded]).to.deep.equal([[true], true]);
      client.head = 10n;
      await client.check.answer(10n);
      await time.advance(1_000);
      expect(told).to.deep.equal([true, false]);
      expect(log).to.deep.equal([
        'near cache: answers may be older than 5000 ms: no answer to a head check within 625 ms',
        'near cache: answers are at most 5000 ms old again',
      ]);
    });

    it('is forgotten with the history it was of', async () => {
      await openWith({ 'app:a': 1n }, 10n);
      client.head = undefined;
      await time.advance(2_500);
      const old = client.check;
      await client.watching.push(snapshot(3n, { 'app:a': 2n }));
      expect(params.number('app:a', 0)).to.equal(2);
      expect([params.revision, params.stalenessBoundMs]).to.deep.equal([3n, undefined]);
      await old.answer(3n);
      expect(params.stalenessBoundMs, 'by a check of the other history').to.equal(undefined);
      client.head = 3n;
      await time.advance(250);
      expect(params.stalenessBoundMs).to.be.below(260);
    });

    it('is kept over a snapshot beyond what was known', async () => {
      await openWith({ 'app:a': 1n }, 10n);
      await client.watching.push(snapshot(1n << 40n, { 'app:a': 2n }));
      expect(params.stalenessBoundMs).to.be.closeTo(20, 0.1);
    });
  });

  describe('feed', () => {
    it('lets go of a snapshot that it has taken over, for the next item may be long in coming', async () => {
      open();
      const item = snapshot(1n, { 'app:a': 7n });
      await client.watching.push(item);
      expect(params.number('app:a', 0)).to.equal(7);
      expect(item).to.have.property('parameters').that.is.empty;
    });

    it('is opened again behind what is known when it stands still while a check tells of more', async () => {
      await openWith({ 'app:a': 1n }, 10n);
      client.head = 12n;
      await time.advance(2_500);
      expect(client.watches).to.have.length(1);
      await time.advance(1_500);
      expect(client.watches).to.have.length(2);
      expect(client.watches[0]?.settings.signal?.aborted).to.equal(true);
      expect(client.watching.settings.fromRevision).to.equal(11n);
      // The first response comes at once: so this one is dead too. A check goes first, to the dead replica's turn.
      const asked = client.checks.length;
      await time.advance(300);
      expect([client.watches.length, client.checks.length]).to.deep.equal([3, asked + 1]);
      await client.watching.push(changes(put('app:a', 2n, 12n)));
      expect([params.number('app:a', 0), params.detail('number', 'app:a', 0).degraded]).to.deep.equal([2, false]);
      await time.advance(60_000);
      expect(client.watches).to.have.length(3);
    });

    it('is left alone while it waits to be opened again by itself', async () => {
      await openWith({}, 10n);
      client.head = 12n;
      await time.advance(2_500);
      client.watching.settings.onBroken?.(unavailable(), 8_000);
      await time.advance(8_000);
      expect(client.watches).to.have.length(1);
      await time.advance(1_000);
      expect(client.watches).to.have.length(2);
    });

    it('is not opened again while it moves, however far behind', async () => {
      await openWith({}, 10n);
      client.head = 1_000n;
      for (let revision = 11n; revision < 100n; revision++) {
        await time.advance(1_000);
        await client.watching.push({ kind: 'progress', revision });
      }
      expect(client.watches).to.have.length(1);
    });

    it('is opened again ever more seldom if that does not help', async () => {
      await openWith({}, 10n);
      client.head = 12n;
      await time.advance(60_000);
      const inFirstMinute = client.watches.length;
      expect(inFirstMinute).to.be.within(4, 9);
      await time.advance(600_000);
      expect(client.watches.length - inFirstMinute).to.be.within(9, 12);
    });

    it('is opened again when nothing comes and nothing can be checked', async () => {
      await openWith({}, 10n);
      client.head = undefined;
      await time.advance(2_500);
      for (let i = 0; i < 40; i++) {
        await client.check.fail(unavailable());
        await time.advance(250);
      }
      expect(client.watches.length).to.be.within(2, 3);
    });

    it('is opened again soon after an outage, however often it was in vain', async () => {
      await openWith({ 'app:a': 1n });
      client.head = undefined;
      await time.advance(600_000);
      const inVain = client.watches.length;
      await client.check.fail(unavailable());
      client.head = 20n;
      await time.advance(4_000);
      expect(client.watches.length).to.be.greaterThan(inVain);
    });

    it('is opened again when the servers do not know its revision', async () => {
      await openWith({}, 10n);
      client.head = undefined;
      await time.advance(2_500);
      const errorInfo = ErrorInfo.fromPartial({ reason: 'REVISION_LOST', domain: 'paramd' });
      await client.check.fail(new ParamdRpcError(status.DATA_LOSS, 'lost', { errorInfo }));
      await time.advance(1_500);
      expect(client.watches).to.have.length(2);
    });

    it('gives a process that stood still time to read what has come', async () => {
      let nowMs = 1_000;
      const standing = { ...time, nowMs: () => time.nowMs() + nowMs };
      client.head = 10n;
      params = openNearCache(client, { prefixes: ['app:'], log: (line) => log.push(line) }, standing);
      await client.watching.push(snapshot(10n));
      client.head = 11n;
      await time.advance(2_400);
      nowMs += 8_000;
      await time.advance(1_400);
      expect(params.stalenessBoundMs).to.be.above(8_000);
      expect(client.watches).to.have.length(1);
      await client.watching.push({ kind: 'progress', revision: 11n });
      await time.advance(2_500);
      expect(params.stalenessBoundMs).to.be.below(2_600);
      expect(client.watches).to.have.length(1);
    });

    it('tells how much is loaded', async () => {
      const loaded: number[] = [];
      open({ onProgress: (count) => loaded.push(count) });
      client.watching.settings.onLoading?.(1000);
      client.watching.settings.onLoading?.(2000);
      expect(loaded).to.deep.equal([1000, 2000]);
    });

    it('is all that keeps it from going on after close; reads go on', async () => {
      await openWith({ 'app:a': 1n });
      const waiting = failure(params.atLeast(99n));
      await Promise.all([params.close(), params.close()]);
      await waiting;
      expect(time.timers).to.equal(0);
      expect(client.watching.settings.signal?.aborted).to.equal(true);
      const before = [client.watches.length, client.checks.length];
      await time.advance(600_000);
      expect([client.watches.length, client.checks.length]).to.deep.equal(before);
      expect(params.number('app:a', 0)).to.equal(1);
      expect(params.detail('number', 'app:a', 0).degraded).to.equal(true);
    });

    it('ends with its signal', async () => {
      const controller = new AbortController();
      params = openNearCache(client, { prefixes: [''] }, time, controller.signal);
      controller.abort();
      await settled();
      expect(client.watching.settings.signal?.aborted).to.equal(true);
    });
  });

  it('refuses settings that make no sense, and names them', () => {
    const refused: [Partial<NearCacheSettings>, string][] = [
      [{ prefixes: [] }, 'prefixes'],
      [{ prefixes: Array.from({ length: 101 }, (_, i) => `${i}`) }, 'prefixes'],
      [{ prefixes: [1 as unknown as string] }, 'prefixes'],
      [{ prefixes: 'app:' as unknown as string[] }, 'prefixes'],
      [{ maxStalenessMs: 999 }, 'maxStalenessMs'],
      [{ maxStalenessMs: Number.NaN }, 'maxStalenessMs'],
      [{ snapshotFile: '' }, 'snapshotFile'],
      [{ snapshotFile: tmpdir() }, `snapshotFile: ${tmpdir()} is a folder`],
      [{ snapshotFile: '/no/such/folder/file' }, 'snapshotFile: there is no folder /no/such/folder'],
    ];
    for (const [settings, text] of refused) expect(() => open(settings), text).to.throw(TypeError, text);
  });
});
