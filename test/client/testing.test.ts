import { expect } from 'chai';
import { fromValue, NearCacheTimeout, ParamdRpcError, type WatchItem } from '../../src/client/index.ts';
import { failure, type MemoryClient, memoryClient } from '../../src/client/testing.ts';
import { told } from './contract-subject.ts';

describe('memoryClient', () => {
  let paramd: MemoryClient;
  beforeEach(() => {
    paramd = memoryClient({ 'app:config:max_users': 100n, 'app:config:greeting': 'hello' }, { actor: 'ada' });
  });
  afterEach(() => paramd.close());

  it('begins with what it was given', async () => {
    const { parameter, freshness } = await paramd.get('app:config:greeting');
    expect(fromValue(parameter?.value)).to.equal('hello');
    expect(parameter).to.include({ revision: 2n, version: 1n, updatedBy: 'ada' });
    expect(freshness).to.include({ revision: 2n, degraded: false });
    expect(await memoryClient().get('none')).to.have.property('parameter', undefined);
  });

  it('refuses at once what could not be stored', () => {
    expect(() => memoryClient({ '': 1n })).to.throw(ParamdRpcError, /key: is empty/);
    expect(() => memoryClient({ k: Number.NaN })).to.throw(RangeError);
  });

  it('tells the calls that were made', async () => {
    await paramd.get('k', { linearizable: true });
    await paramd.set('k', 1n).then(() => paramd.set('k', 'other').catch(() => {}));
    paramd.watch({ keys: ['k'] });
    expect(paramd.calls.map(({ method }) => method)).to.deep.equal(['get', 'set', 'set', 'watch']);
    expect(paramd.calls[0]).to.deep.equal({ method: 'get', args: ['k', { linearizable: true }] });
    expect(paramd.calls[1]).to.deep.equal({ method: 'set', args: ['k', 1n] });
    paramd.calls.length = 0;
    await paramd.stats();
    expect(paramd.calls).to.have.length(1);
  });

  it('fails the next call of a method, once', async () => {
    paramd.failNext('set', failure('STORE_UNREACHABLE'));
    paramd.failNext('set', failure('REVISION_MISMATCH', { key: 'k', currentRevision: '7' }));
    expect(await paramd.get('k')).to.have.property('parameter', undefined);
    const [first, second] = [await paramd.set('k', 1n).catch(told), await paramd.set('k', 1n).catch((error) => error)];
    expect(first).to.include({ code: 14, reason: 'STORE_UNREACHABLE', retryAfterMs: 500 });
    expect(second).to.include({ status: 'ABORTED', currentRevision: 7n, retryAfterMs: undefined });
    expect((await paramd.set('k', 1n)).revision).to.equal(3n);
    paramd.failNext('list', failure('DRAINING'));
    expect(await paramd.list('')[Symbol.asyncIterator]().next().catch(told)).to.include({ reason: 'DRAINING' });
    paramd.failNext('watch', failure('RATE_LIMITED'));
    const broken: ParamdRpcError[] = [];
    const watch = paramd.watch({ prefixes: [''] }, { onBroken: (error) => broken.push(error) });
    expect(await next(watch[Symbol.asyncIterator]())).to.deep.equal({ kind: 'progress', revision: 3n });
    expect(broken.map(({ reason }) => reason)).to.deep.equal(['RATE_LIMITED']);
  });

  it('cannot be reached while it is told so, and watches go on behind what they had', async () => {
    const broken: ParamdRpcError[] = [];
    const watching = paramd.watch({ prefixes: ['app:'] }, { onBroken: (error) => broken.push(error) });
    const watch = watching[Symbol.asyncIterator]();
    await watch.next();
    const pending = watch.next();
    paramd.unavailable = true;
    for (const call of [paramd.get('k'), paramd.set('k', 1n), paramd.health(), paramd.stats()]) {
      expect(await call.catch(told)).to.include({ code: 14, reason: undefined });
    }
    paramd.unavailable = false;
    await paramd.commit([
      { set: 'app:a', value: 1n },
      { set: 'elsewhere', value: 1n },
    ]);
    paramd.unavailable = true;
    paramd.unavailable = false;
    await paramd.delete('app:a');
    expect([await pending, await watch.next()].map(({ value }) => value?.revision)).to.deep.equal([3n, 4n]);
    expect(broken.map(({ code }) => code))
      .to.include(14)
      .and.have.length.within(1, 2);
    expect(await watch.return?.(undefined)).to.have.property('done', true);
    expect((await paramd.stats()).watchers).to.equal(0n);
  });

  it('lets a waiting watch be left while nothing can be reached', async () => {
    const controller = new AbortController();
    paramd.unavailable = true;
    const pending = next(paramd.watch({ prefixes: [''] }, { signal: controller.signal })[Symbol.asyncIterator]());
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await pending.catch((error: unknown) => error)).to.equal(reason);
  });

  it('forgets history when told, so that a watch behind it learns so or takes a snapshot', async () => {
    const [bare, whole] = [false, true].map((initial) => paramd.watch({ prefixes: [''] }, { initial })) as [
      AsyncIterable<WatchItem>,
      AsyncIterable<WatchItem>,
    ];
    const [behind, healed] = [bare[Symbol.asyncIterator](), whole[Symbol.asyncIterator]()];
    await Promise.all([behind.next(), healed.next()]);
    paramd.compact(1n);
    paramd.compact();
    await paramd.set('k', 1n);
    await paramd.set('k', 2n);
    paramd.compact(3n);
    expect(await behind.next().catch(told)).to.deep.include({ reason: 'REVISION_COMPACTED' });
    const snapshot = await next(healed);
    expect(snapshot).to.include({ kind: 'snapshot', revision: 4n });
    const kept = await next(paramd.watch({ keys: ['k'] }, { fromRevision: 4n })[Symbol.asyncIterator]());
    expect(kept).to.include({ kind: 'changes', revision: 4n });
  });

  it('has a clock that stands still until it is moved', async () => {
    const first = await paramd.set('k', 1n);
    expect(first.updateTime).to.include({ seconds: BigInt(Date.parse('2026-01-01T00:00:00Z') / 1000), nanos: 0 });
    await paramd.advance(1500);
    expect(paramd.now.toISOString()).to.equal('2026-01-01T00:00:01.500Z');
    const { createTime, updateTime } = await paramd.set('k', 2n);
    expect(createTime).to.deep.equal(first.createTime);
    expect(updateTime).to.include({ seconds: first.updateTime!.seconds + 1n, nanos: 500_000_000 });
    const early = memoryClient({ k: 1n }, { now: new Date('1969-12-31T23:59:59.500Z') });
    expect((await early.get('k')).parameter?.createTime).to.include({ seconds: -1n, nanos: 500_000_000 });
  });

  it('has near caches that live on its clock', async () => {
    const lines: string[] = [];
    const cache = paramd.cache({ prefixes: ['app:'], log: (line) => lines.push(line) });
    expect(await cache.ready()).to.equal('CACHE');
    const heard: boolean[] = [];
    cache.onDegraded((degraded) => heard.push(degraded));
    await paramd.advance(3_600_000);
    expect(cache.detail('number', 'app:config:max_users', 1)).to.include({ value: 100, degraded: false });
    expect(cache.stalenessBoundMs).to.be.within(0, 5000);
    paramd.unavailable = true;
    await paramd.advance(10_000);
    expect(cache.detail('number', 'app:config:max_users', 1)).to.include({ value: 100, degraded: true });
    expect(cache.stalenessBoundMs).to.be.within(10_000, 15_000);
    paramd.unavailable = false;
    const { revision } = await paramd.set('app:config:max_users', 7n);
    await paramd.advance(5_000);
    expect(cache.detail('number', 'app:config:max_users', 1)).to.include({ value: 7, degraded: false, revision });
    expect(heard).to.deep.equal([true, false]);
    expect(
      paramd.calls.map(({ method }) => method),
      'the caches have calls of their own',
    ).to.deep.equal(['set']);
    await cache.close();
  });

  it('lets waiting for a near cache time out when time is told to pass', async () => {
    paramd.unavailable = true;
    const cache = paramd.cache({ prefixes: [''], log: () => {} });
    const [error] = await Promise.all([
      cache.ready({ timeoutMs: 1000 }).catch((thrown) => thrown),
      paramd.advance(1000),
    ]);
    expect(error).to.be.instanceOf(NearCacheTimeout);
    expect(error.cause).to.have.property('status', 'UNAVAILABLE');
    expect(cache.number('k', 1)).to.equal(1);
  });

  it('is closed for ever', async () => {
    paramd.close();
    expect(String(await paramd.get('k').catch((error) => error))).to.match(/closed/);
  });
});

async function next(watch: AsyncIterator<WatchItem>): Promise<WatchItem> {
  return (await watch.next()).value;
}
