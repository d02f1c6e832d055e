import { expect } from 'chai';
import { fromValue, type NativeValue, type ParamdClient, type WatchItem } from '../../src/client/index.ts';
import { type ContractSubject, told } from './contract-subject.ts';

/** What every ParamdClient does, whatever is behind it. */
export function clientContract(name: string, start: () => Promise<ContractSubject>): void {
  describe(`contract of the client, ${name}`, () => {
    let subject: ContractSubject;
    let client: ParamdClient;
    beforeEach(async () => {
      subject = await start();
      client = subject.client;
    });
    afterEach(() => subject.close());

    const setAll = async (...keys: string[]) => {
      for (const key of keys) await client.set(key, key);
    };
    const headOf = async () => (await client.getMany([])).freshness?.revision;

    it('keeps every kind of value', async () => {
      const values: NativeValue[] = ['é', -(2n ** 63n), 2n ** 63n - 1n, 0n, 0.1, -0, false, true, '', [], ['a', '']];
      values.push(Buffer.from([0, 255]), Buffer.alloc(0), { json: '[ 1 ]' }, { durationNs: -1n }, { durationNs: 0n });
      values.push({ json: `${'['.repeat(63)}["\\"${'['.repeat(65)}\\\\"]${']'.repeat(63)}` });
      for (const value of values) {
        const { revision } = await client.set('kinds', value, { allowKindChange: true });
        const { parameter } = await client.get('kinds', { atLeastRevision: revision });
        expect(fromValue(parameter?.value)).to.deep.equal(value);
      }
    });

    it('counts revisions and versions, and begins anew after a delete', async () => {
      const first = await client.set('k', 1n);
      expect(first).to.include({ revision: 1n, createRevision: 1n, version: 1n, updatedBy: 'contract' });
      expect(first.cacheTtl).to.include({ seconds: 3600n, nanos: 0 });
      await subject.advance(1500);
      const second = await client.set('k', 2n, { cacheTtlMs: 1500 });
      expect(second).to.include({ revision: 2n, createRevision: 1n, version: 2n });
      expect(second.createTime).to.deep.equal(first.updateTime);
      expect(second.updateTime!.seconds - second.createTime!.seconds).to.equal(1n);
      expect(second.updateTime!.nanos).to.equal(500_000_000);
      expect(second.cacheTtl).to.include({ seconds: 1n, nanos: 500_000_000 });
      expect(await client.delete('k')).to.equal(3n);
      expect(await client.delete('k', { allowMissing: true })).to.equal(3n);
      const again = await client.set('k', 'other kind');
      expect(again).to.include({ revision: 4n, createRevision: 4n, version: 1n });
      expect(again.cacheTtl?.seconds).to.equal(3600n);
    });

    it('leaves as it is what a set does not name', async () => {
      await client.set('k', 1n, {
        labels: new Map([
          ['a', '1'],
          ['b', '2'],
        ]),
        cacheTtlMs: 2000,
      });
      const labelled = await client.set('k', undefined, { labels: new Map([['c', '3']]), removeLabels: ['a', 'x'] });
      expect(fromValue(labelled.value)).to.equal(1n);
      expect(labelled.labels).to.deep.equal(
        new Map([
          ['b', '2'],
          ['c', '3'],
        ]),
      );
      const emptied = await client.set('k', 2n, { labels: new Map([['d', '4']]), removeLabels: ['*'] });
      expect(emptied.labels).to.deep.equal(new Map([['d', '4']]));
      expect(emptied.cacheTtl?.seconds).to.equal(2n);
    });

    it('answers with its freshness, also that there is nothing', async () => {
      await client.set('k', 1n);
      expect((await client.get('none')).freshness).to.include({ revision: 1n, degraded: false });
      const absent = await client.get('none', { linearizable: true, maxStalenessMs: 100, atLeastRevision: 1n });
      expect(absent.parameter).to.equal(undefined);
      expect(absent.freshness.stalenessBound).to.not.equal(undefined);
      const many = await client.getMany(['none', 'k', 'none', 'k', 'nothing']);
      expect(many.parameters.map(({ key }) => key)).to.deep.equal(['k']);
      expect(many.missingKeys).to.deep.equal(['none', 'nothing']);
      expect(many.freshness?.revision).to.equal(1n);
      expect(client.lastSeenRevision).to.equal(1n);
    });

    it('lists in the order of bytes, every page as of the first one', async () => {
      const ordered = ['p:', 'p:a', 'p:b', 'p:é', 'p:\uff5e', 'p:\u{10000}'];
      await setAll('o', ...ordered.toReversed(), 'q');
      const pages: string[][] = [];
      let bounds = 0;
      for await (const { parameters, freshness, nextPageToken } of client.list('p:', { pageSize: 2 })) {
        pages.push(parameters.map(({ key }) => key));
        expect(freshness?.revision).to.equal(8n);
        if (freshness?.stalenessBound !== undefined) bounds += 1;
        expect(nextPageToken === '').to.equal(pages.length === 3);
        await client.delete(ordered[5]!, { allowMissing: true });
        await client.set('p:aa', 'later');
      }
      expect(pages).to.deep.equal([ordered.slice(0, 2), ordered.slice(2, 4), ordered.slice(4)]);
      expect(bounds, 'pages with a staleness bound').to.equal(1);
      for await (const { parameters } of client.list('p:a', { keysOnly: true })) {
        expect(parameters.map(({ key, value }) => [key, value])).to.deep.equal([
          ['p:a', undefined],
          ['p:aa', undefined],
        ]);
      }
      for await (const page of client.list('none')) expect(page.parameters).to.deep.equal([]);
    });

    it('commits all at one revision, or nothing', async () => {
      await setAll('a', 'b');
      const conditions = [
        { key: 'a', ifRevision: 1n },
        { key: 'none', ifRevision: 0n },
      ];
      const operations = [
        { set: 'c', value: 1n },
        { delete: 'b' },
        { delete: 'x', allowMissing: true },
        { set: 'a', value: 'A' },
      ];
      const { parameters, revision } = await client.commit(operations, { conditions });
      expect(revision).to.equal(3n);
      expect(parameters.map((parameter) => [parameter.key, parameter.revision])).to.deep.equal([
        ['c', 3n],
        ['a', 3n],
      ]);
      const failing = await client.commit([{ set: 'd', value: 1n }, { delete: 'b' }]).catch(told);
      expect(failing).to.include({ reason: 'PARAMETER_NOT_FOUND' });
      expect((await client.get('d')).parameter).to.equal(undefined);
      expect((await client.commit([{ delete: 'x', allowMissing: true }])).revision).to.equal(3n);
      expect(await headOf()).to.equal(3n);
    });

    it('checks without writing, and tells revision 0', async () => {
      await client.set('k', 1n, { labels: new Map([['a', '1']]) });
      const would = await client.set('k', undefined, { cacheTtlMs: 1000, validateOnly: true });
      expect(would).to.include({ revision: 0n, createRevision: 1n, version: 2n });
      expect(fromValue(would.value)).to.equal(1n);
      expect(await client.set('new', 1n, { validateOnly: true })).to.include({ revision: 0n, createRevision: 0n });
      expect(await client.delete('k', { validateOnly: true })).to.equal(0n);
      const commit = await client.commit([{ set: 'k', value: 2n }], { validateOnly: true });
      expect([commit.revision, commit.parameters.length]).to.deep.equal([0n, 1]);
      expect(await client.set('k', 'x', { validateOnly: true }).catch(told)).to.include({
        reason: 'KIND_MISMATCH',
      });
      expect(await headOf()).to.equal(1n);
    });

    it('does a request once within the hour', async () => {
      const labels = (...names: string[]) => new Map(names.map((name) => [name, '1']));
      const first = await client.set('k', 1n, { requestId: 'one', labels: labels('a', 'b') });
      await client.set('k', 2n);
      expect(await client.set('k', 1n, { requestId: 'one', labels: labels('b', 'a') })).to.deep.equal(first);
      const reused = await client.delete('k', { requestId: 'one' }).catch(told);
      expect(reused).to.include({ reason: 'REQUEST_ID_REUSED' });
      expect(await client.set('x', undefined, { requestId: 'two', cacheTtlMs: 1000 }).catch(told)).to.include({
        reason: 'INVALID_FIELD',
      });
      expect((await client.set('x', 1n, { requestId: 'two' })).revision).to.equal(3n);
      await client.set('x', 2n, { requestId: 'three', validateOnly: true });
      expect((await client.set('x', 2n, { requestId: 'three' })).revision).to.equal(4n);
      const checked = client.set('x', 2n, { requestId: 'three', validateOnly: true });
      expect(await checked.catch(told)).to.include({ reason: 'REQUEST_ID_REUSED' });
      await subject.advance(3_600_000);
      expect((await client.set('k', 1n, { requestId: 'one' })).revision).to.equal(5n);
    });

    it('watches from now on, then every change of what is watched, and progress', async () => {
      await setAll('a', 'b');
      const watching = client.watch(
        { keys: ['a'], prefixes: ['p:', 'p:x'] },
        { previous: true, progressIntervalMs: 100 },
      );
      const watch = watching[Symbol.asyncIterator]();
      expect((await watch.next()).value).to.deep.equal({ kind: 'progress', revision: 2n });
      await client.commit([{ set: 'p:x', value: 1n }, { delete: 'b' }, { set: 'a', value: 'A' }]);
      const [put, replaced] = await changesUntil(watch, 3n);
      expect(put).to.include({ type: 1, revision: 3n, previous: undefined });
      expect([put?.parameter?.key, replaced?.parameter?.key]).to.deep.equal(['p:x', 'a']);
      expect(fromValue(replaced?.previous?.value)).to.equal('a');
      await client.delete('a');
      const [removed] = await changesUntil(watch, 4n);
      expect(removed).to.include({ type: 2 });
      expect(removed?.parameter).to.include({ key: 'a', revision: 4n, value: undefined, version: 0n });
      expect(removed?.previous?.revision).to.equal(3n);
      await client.set('elsewhere', 1n);
      expect((await watch.next()).value).to.deep.equal({ kind: 'progress', revision: 5n });
      await watch.return?.(undefined);
    });

    it('watches from a revision, with a snapshot, and over compaction', async () => {
      await setAll('b', 'a', 'c');
      await client.delete('c');
      const resumed = client.watch({ prefixes: [''] }, { fromRevision: 2n })[Symbol.asyncIterator]();
      const events = await changesUntil(resumed, 4n);
      expect(events.map(({ parameter, revision }) => [parameter?.key, revision])).to.deep.equal([
        ['a', 2n],
        ['c', 3n],
        ['c', 4n],
      ]);
      expect(events.map(({ previous }) => previous)).to.deep.equal([undefined, undefined, undefined]);
      await resumed.return?.(undefined);
      for (const fromRevision of [undefined, 1n, 1000n]) {
        if (fromRevision !== undefined) await subject.compact();
        const first = await firstOf(client.watch({ prefixes: [''] }, { initial: true, fromRevision }));
        if (first?.kind !== 'snapshot') throw new Error(`a snapshot, not ${first?.kind}`);
        expect(first.revision).to.equal(4n);
        expect(first.parameters.map(({ key }) => key)).to.deep.equal(['a', 'b']);
      }
    });

    it('ends a watch by its signal, and rejects with its reason', async () => {
      const reason = new Error('enough');
      const controller = new AbortController();
      const watch = client.watch({ prefixes: [''] }, { signal: controller.signal })[Symbol.asyncIterator]();
      await watch.next();
      const next = watch.next();
      controller.abort(reason);
      expect(await next.catch((error: unknown) => error)).to.equal(reason);
      expect(await client.get('k', { signal: AbortSignal.abort(reason) }).catch((error) => error)).to.equal(reason);
      const page = client
        .list('', { signal: AbortSignal.abort(reason) })
        [Symbol.asyncIterator]()
        .next();
      expect(await page.catch((error: unknown) => error)).to.equal(reason);
    });

    it('tells statistics and health, and warms', async () => {
      await setAll('a', 'b');
      const stats = await client.stats();
      expect(stats).to.include({ replicaId: 'memory', appliedRevision: 2n, busState: 3 });
      expect(stats.tiers.map(({ tier }) => tier)).to.deep.equal([1, 2, 3]);
      expect(await client.health()).to.equal('SERVING');
      expect(await client.health('parameter.v1.CacheService')).to.equal('SERVING');
      for await (const { warmedKeys, complete } of client.warm('a')) {
        expect([warmedKeys, complete]).to.deep.equal([1n, true]);
      }
    });

    it('fails when nobody is there, and says that it is not paramd that says so', async () => {
      const watch = client.watch({ prefixes: [''] }, { signal: AbortSignal.timeout(10_000) })[Symbol.asyncIterator]();
      await watch.next();
      await subject.goAway();
      const page = client.list('')[Symbol.asyncIterator]().next();
      const calls = [client.get('k'), client.set('k', 1n), page, client.health()];
      for (const outcome of await Promise.all(calls.map((call: Promise<unknown>) => call.catch(told)))) {
        expect(outcome).to.include({ code: 14, reason: undefined, retryAfterMs: undefined });
      }
      await watch.return?.(undefined);
    });

    it('gives the caller what it may change', async () => {
      const bytes = Buffer.from([1, 2]);
      const set = await client.set('k', bytes, { labels: new Map([['a', '1']]) });
      bytes[0] = 9;
      set.labels.clear();
      const { parameter } = await client.get('k');
      expect(fromValue(parameter?.value)).to.deep.equal(Buffer.from([1, 2]));
      expect(parameter?.labels).to.deep.equal(new Map([['a', '1']]));
    });
  });
}

async function firstOf(watch: AsyncIterable<WatchItem>): Promise<WatchItem | undefined> {
  for await (const item of watch) return item;
  return undefined;
}

async function changesUntil(watch: AsyncIterator<WatchItem>, revision: bigint) {
  for (const events = []; ; ) {
    const { value } = await watch.next();
    if (value?.kind === 'changes') events.push(...value.events);
    if (value === undefined || value.revision >= revision) return events;
  }
}
