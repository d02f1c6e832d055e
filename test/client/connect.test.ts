import { createServer, type Socket } from 'node:net';
import { Metadata, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { type ConnectSettings, connect, ParamdRpcError } from '../../src/client/index.ts';
import { type FakeServer, failure, startFakeServer } from './fake-server.ts';

async function failureOf(promise: Promise<unknown>): Promise<ParamdRpcError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(ParamdRpcError);
  return error as ParamdRpcError;
}

describe('client', () => {
  let fake: FakeServer;
  let client: ReturnType<typeof connect>;
  beforeEach(async () => {
    fake = await startFakeServer();
    client = connect({ target: fake.target, actor: 'mocha' });
  });
  afterEach(() => {
    client.close();
    fake.close();
  });

  it('sets, gets and deletes', async () => {
    const made = await client.set('app:limit', 100n, { labels: new Map([['team', 'checkout']]), cacheTtlMs: 1500 });
    expect(made).to.include({ key: 'app:limit', revision: 1n, version: 1n, updatedBy: 'mocha' });
    expect(made.value?.kind).to.deep.equal({ $case: 'intValue', value: 100n });
    expect(made.cacheTtl).to.include({ seconds: 1n, nanos: 500_000_000 });
    expect([...made.labels]).to.deep.equal([['team', 'checkout']]);
    const { parameter, freshness } = await client.get('app:limit');
    expect(parameter?.revision).to.equal(1n);
    expect(freshness.revision).to.equal(1n);
    expect(await client.delete('app:limit', { ifRevision: 1n })).to.equal(2n);
  });

  it('takes "does not exist" as an answer with its freshness (C3)', async () => {
    fake.put('other', { kind: { $case: 'boolValue', value: true } });
    const { parameter, freshness } = await client.get('nothing');
    expect(parameter).to.equal(undefined);
    expect(freshness.revision).to.equal(1n);
  });

  it('passes on what a read demands', async () => {
    await client.getMany(['a'], { maxStalenessMs: 50, atLeastRevision: 7n, linearizable: true });
    expect(fake.calls[0]?.request).to.deep.include({
      keys: ['a'],
      consistency: {
        maxStaleness: { seconds: 0n, nanos: 50_000_000, _unknownFields: {} },
        atLeastRevision: 7n,
        linearizable: true,
        _unknownFields: {},
      },
    });
  });

  it('reads several and tells the missing ones', async () => {
    fake.put('a', { kind: { $case: 'stringValue', value: 'A' } });
    const { parameters, missingKeys } = await client.getMany(['b', 'a']);
    expect(parameters.map(({ key }) => key)).to.deep.equal(['a']);
    expect(missingKeys).to.deep.equal(['b']);
  });

  it('lists page after page', async () => {
    for (const key of ['p:1', 'p:2', 'p:3', 'q']) fake.put(key, { kind: { $case: 'intValue', value: 1n } });
    const pages: string[][] = [];
    for await (const page of client.list('p:', { pageSize: 2 })) pages.push(page.parameters.map(({ key }) => key));
    expect(pages).to.deep.equal([['p:1', 'p:2'], ['p:3']]);
  });

  it('commits under conditions', async () => {
    const { revision, parameters } = await client.commit(
      [
        { set: 'a', value: 'x' },
        { delete: 'b', allowMissing: true },
      ],
      {
        conditions: [{ key: 'a', ifRevision: 0n }],
      },
    );
    expect(revision).to.equal(1n);
    expect(parameters.map(({ key }) => key)).to.deep.equal(['a']);
    const error = await failureOf(
      client.commit([{ set: 'a', value: 'y' }], { conditions: [{ key: 'a', ifRevision: 9n }] }),
    );
    expect(error).to.include({ status: 'ABORTED', reason: 'REVISION_MISMATCH', retryAfterMs: undefined });
    expect(error.metadata.get('currentRevision')).to.equal('1');
  });

  it('tells statistics, health and the progress of warming', async () => {
    expect((await client.stats()).replicaId).to.equal('fake-1');
    expect(await client.health()).to.equal('SERVING');
    fake.serving = false;
    expect(await client.health()).to.equal('NOT_SERVING');
    expect((await failureOf(client.health('unheard'))).code).to.equal(status.NOT_FOUND);
    const progress: boolean[] = [];
    for await (const { complete } of client.warm('')) progress.push(complete);
    expect(progress).to.deep.equal([false, true]);
  });

  it('tries reads and writes again, a write with the same request_id (C8)', async () => {
    for (const method of ['get', 'set', 'set']) {
      fake.before.push({ method, run: () => throwUnavailable() });
    }
    await client.set('k', 'v');
    expect((await client.get('k')).parameter?.revision).to.equal(1n);
    const ids = fake.calls
      .filter(({ method }) => method === 'set')
      .map(({ request }) => (request as { requestId: string }).requestId);
    expect(ids).to.have.length(3);
    expect(new Set(ids).size).to.equal(1);
    expect(ids[0]).to.match(/^[0-9a-f-]{36}$/);
  });

  it('does not try again what paramd says would fail again', async () => {
    fake.before.push({
      method: 'set',
      run: () => {
        throw failure(status.UNAVAILABLE, 'OUTCOME_UNKNOWN');
      },
    });
    expect(await failureOf(client.set('k', 'v'))).to.include({ reason: 'OUTCOME_UNKNOWN' });
    expect(fake.calls).to.have.length(1);
  });

  it('gives up with the last reason after four attempts, or when the time is too short for another', async () => {
    for (let i = 0; i < 5; i++) fake.before.push({ method: 'get', run: throwUnavailable });
    expect(await failureOf(client.get('k'))).to.include({ reason: 'STORE_UNREACHABLE' });
    expect(fake.calls).to.have.length(4);
    expect(await failureOf(client.get('k', { timeoutMs: 90 }))).to.include({ reason: 'STORE_UNREACHABLE' });
    expect(fake.calls).to.have.length(5);
  });

  it('tries large writes again too', async () => {
    fake.before.push({ method: 'set', run: throwUnavailable });
    const { version } = await client.set('big', new Uint8Array(1 << 20));
    expect(version).to.equal(1n);
  });

  it('parses details and the time to wait', async () => {
    fake.before.push({
      method: 'stats',
      run: () => {
        throw failure(status.RESOURCE_EXHAUSTED, 'RATE_LIMITED', { limit: 'calls' }, { retryMs: 900 });
      },
    });
    const error = await failureOf(client.stats({ timeoutMs: 900 }));
    expect(error).to.include({ reason: 'RATE_LIMITED', retryAfterMs: 900, code: status.RESOURCE_EXHAUSTED });
    expect(error.details.errorInfo?.metadata.get('limit')).to.equal('calls');
  });

  it('survives details that cannot be read', async () => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([255, 255, 255]));
    fake.before.push({
      method: 'stats',
      run: () => {
        throw Object.assign(new Error(), { code: status.INTERNAL, details: 'odd', metadata });
      },
    });
    expect(await failureOf(client.stats())).to.include({ status: 'INTERNAL', message: 'odd', reason: undefined });
  });

  it('rejects with the reason of an abort, before and during the call', async () => {
    const reason = new Error('enough');
    expect(await client.get('k', { signal: AbortSignal.abort(reason) }).catch((error) => error)).to.equal(reason);
    const controller = new AbortController();
    fake.before.push({ method: 'get', run: () => controller.abort(reason) });
    fake.before.push({ method: 'get', run: throwUnavailable });
    expect(await client.get('k', { signal: controller.signal }).catch((error) => error)).to.equal(reason);
  });

  it('ends its watches when it is closed, and refuses further calls', async () => {
    const broken: unknown[] = [];
    const watch = client.watch({ prefixes: [''] }, { onBroken: (error) => broken.push(error) })[Symbol.asyncIterator]();
    await watch.next();
    const waiting = failureOf(watch.next());
    client.close();
    expect((await waiting).message).to.equal('this client is closed');
    expect((await failureOf(client.get('k'))).message).to.equal('this client is closed');
    expect(
      (
        await failureOf(
          client
            .watch({ prefixes: [''] })
            [Symbol.asyncIterator]()
            .next(),
        )
      ).message,
    ).to.match(/closed/);
    expect(broken).to.deep.equal([]);
  });

  it('ends a watch that waits to be opened again at once when it is closed', async () => {
    const { promise: broken, resolve } = Promise.withResolvers<number>();
    const settings = { onBroken: (_: Error, retryInMs: number) => resolve(retryInMs) };
    const watch = client.watch({ prefixes: [''] }, settings)[Symbol.asyncIterator]();
    await watch.next();
    const ended = failureOf(watch.next());
    fake.breakWatches(failure(status.UNAVAILABLE, 'DRAINING', {}, { retryMs: 3_600_000 }));
    expect(await broken).to.be.at.least(60_000);
    client.close();
    expect((await ended).message).to.equal('this client is closed');
  });

  it('gives every write a request id, so that trying it again is safe (C8)', async () => {
    await client.set('k', 1n, { requestId: '' });
    await client.delete('k', { requestId: 'mine' });
    const ids = fake.calls.map(({ request }) => (request as { requestId: string }).requestId);
    expect(ids[0]).to.match(/^[0-9a-f-]{36}$/);
    expect(ids[1]).to.equal('mine');
  });

  it('takes labels as a Map or as an object', async () => {
    await client.set('k', 1n, { labels: { team: 'checkout', size: '9' } });
    await client.commit([{ set: 'k', labels: new Map([['size', '10']]) }]);
    const { parameter } = await client.get('k');
    expect(Object.fromEntries(parameter!.labels)).to.deep.equal({ team: 'checkout', size: '10' });
  });

  it('waits without end where no time is set, for what can still succeed', async () => {
    const patient = connect({ target: fake.target, timeoutMs: Number.POSITIVE_INFINITY, metadata: async () => ({}) });
    fake.before.push({ method: 'stats', run: throwUnavailable });
    await patient.stats();
    fake.calls.length = 0;
    fake.before.push({
      method: 'stats',
      run: () => {
        throw failure(status.INVALID_ARGUMENT, 'INVALID_FIELD');
      },
    });
    expect((await failureOf(patient.stats())).reason).to.equal('INVALID_FIELD');
    expect(fake.calls.length).to.equal(1);
    patient.close();
  });

  it('fails in time when nobody answers', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const lonely = connect({ target: `127.0.0.1:${(silent.address() as { port: number }).port}`, timeoutMs: 200 });
    expect((await failureOf(lonely.get('k'))).status).to.equal('DEADLINE_EXCEEDED');
    lonely.close();
    silent.close();
    for (const socket of sockets) socket.destroy();
  });

  it('uses all of several targets, and does without one that is gone', async () => {
    const other = await startFakeServer();
    const both = connect({ target: `${fake.target},${other.target}` });
    try {
      for (let i = 0; i < 40 && (fake.calls.length === 0 || other.calls.length === 0); i++) await both.stats();
      expect([fake.calls.length, other.calls.length]).to.not.include(0);
      other.close();
      for (let i = 0; i < 4; i++) await both.stats();
    } finally {
      both.close();
      other.close();
    }
  });

  it('takes names and addresses mixed, and does without a name that is unknown', async () => {
    const other = await startFakeServer();
    const mixed = connect({ target: `localhost:${fake.port}, no-such-host.invalid:1,${other.target}` });
    try {
      for (let i = 0; i < 40 && (fake.calls.length === 0 || other.calls.length === 0); i++) await mixed.stats();
      expect([fake.calls.length, other.calls.length]).to.not.include(0);
    } finally {
      mixed.close();
      other.close();
    }
    const unknown = connect({ target: 'no-such-host.invalid:1,nor-this-one.invalid:2', timeoutMs: 1000 });
    expect((await failureOf(unknown.stats())).message).to.match(/Name resolution failed/);
    unknown.close();
  });

  it('waits for weeks if it is told to', async () => {
    for (const timeoutMs of [2 ** 31 + 1000, 3.6e9, Number.POSITIVE_INFINITY]) {
      expect((await client.set('k', 'v', { timeoutMs })).key).to.equal('k');
    }
  });

  it('says to those who call without types what is wrong', async () => {
    const untyped = client as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const calls: [RegExp, () => Promise<unknown>][] = [
      [/a value is a string, bigint/, () => untyped.set!('k', null)],
      [/a value is a string, bigint/, () => untyped.set!('k', { a: 1 })],
      [/ifRevision is a bigint/, () => untyped.set!('k', 'v', { ifRevision: 1 })],
      [/ifRevision is a bigint/, () => untyped.delete!('k', { ifRevision: 1 })],
      [
        /ifRevision is a bigint/,
        () => untyped.commit!([{ delete: 'k' }], { conditions: [{ key: 'k', ifRevision: 0 }] }),
      ],
      [/a key is a string/, () => untyped.set!(undefined, 'v')],
      [/a key is a string/, () => untyped.delete!(undefined)],
      [/an operation is/, () => untyped.commit!([{ put: 'k', value: 'v' }])],
      [/timeoutMs is a number/, () => untyped.get!('k', { timeoutMs: Number.NaN })],
      [/maxStalenessMs is a number/, () => untyped.get!('k', { maxStalenessMs: Number.NaN })],
      [/cacheTtlMs is a number/, () => untyped.set!('k', 'v', { cacheTtlMs: '1s' })],
      [/atLeastRevision is a bigint/, () => untyped.get!('k', { atLeastRevision: 7 })],
    ];
    for (const [message, call] of calls) {
      const error = await call().catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(TypeError).with.property('message').that.matches(message);
    }
    expect(fake.calls).to.deep.equal([]);
  });

  it('refuses targets and actors that are none', () => {
    expect(() => connect({} as ConnectSettings)).to.throw(TypeError, /target is host:port/);
    expect(() => connect({ target: 'a:1', timeoutMs: Number.NaN })).to.throw(TypeError, /timeoutMs/);
    for (const target of ['', 'paramd', 'http://x:1', 'a:1,b', '127.0.0.1:1,', 'h:0', 'h:70000']) {
      expect(() => connect({ target }), target).to.throw(TypeError, /target/);
    }
    expect(() => connect({ target: fake.target, actor: 'Zoë' })).to.throw(TypeError, /actor/);
  });
});

function throwUnavailable(): never {
  throw failure(status.UNAVAILABLE, 'STORE_UNREACHABLE', {}, { retryMs: 10 });
}
