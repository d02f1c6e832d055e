import { expect } from 'chai';
import type { Store } from '../../src/ports/store.ts';
import type { OpenSubject, StoreSubject } from './store-subject.ts';
import {
  asDone,
  commit,
  done,
  expectation,
  failure,
  get,
  HOUR_MS,
  newBatchId,
  refused,
  remove,
  set,
  value,
  wholeLog,
  write,
} from './store-subject.ts';

/** What commit() does and refuses. */
export function writesContract(open: OpenSubject): void {
  let subject: StoreSubject;
  let store: Store;
  beforeEach(async () => {
    subject = await open();
    store = subject.store;
  });
  afterEach(() => subject.close());

  describe('set', () => {
    it('creates with defaults, and tells what it made', async () => {
      const { sets, ...outcome } = await done(store, set('a', 'x'));
      expect(outcome).to.include({ revision: 1n, changed: true, replayed: false });
      expect(sets).to.deep.equal([
        {
          key: 'a',
          createRevision: 1n,
          version: 1n,
          createTimeUs: outcome.updateTimeUs,
          cacheTtlNs: 3_600_000_000_000n,
          labels: new Map(),
        },
      ]);
      expect(await get(store, 'a')).to.deep.include({ key: 'a', revision: 1n, version: 1n, updatedBy: 'tester' });
    });

    it('changes what is set, and keeps the rest', async () => {
      const made = await done(
        store,
        set('a', 'x', { cacheTtlNs: 5_000_000_000n, labels: new Map([['team', 'core']]) }),
      );
      const changed = await done(store, write(set('a', 'y'), { actor: 'other' }));
      expect(changed.sets).to.deep.equal([
        {
          key: 'a',
          createRevision: 1n,
          version: 2n,
          createTimeUs: made.updateTimeUs,
          cacheTtlNs: 5_000_000_000n,
          labels: new Map([['team', 'core']]),
        },
      ]);
      const relabelled = await done(store, set('a', undefined, { cacheTtlNs: 7n, removeLabels: ['team'] }));
      expect(relabelled.sets[0]).to.include({ version: 3n, cacheTtlNs: 7n });
      const parameter = await get(store, 'a');
      expect(Buffer.from(parameter!.value!.encoded).toString()).to.equal('y');
      expect(parameter).to.deep.include({ revision: 3n, createRevision: 1n, version: 3n, labels: new Map() });
      expect(parameter).to.include({ createTimeUs: made.updateTimeUs, updateTimeUs: relabelled.updateTimeUs });
    });

    it('merges labels: removals first, * removes all', async () => {
      const labels = (...pairs: [string, string][]) => new Map(pairs);
      await done(store, set('a', 'x', { labels: labels(['a', '1'], ['b', '2'], ['__proto__', '3']) }));
      expect((await get(store, 'a'))!.labels).to.deep.equal(labels(['a', '1'], ['b', '2'], ['__proto__', '3']));
      const merged = await done(
        store,
        set('a', undefined, { removeLabels: ['a', 'none'], labels: labels(['a', '9'], ['c', '"\\']) }),
      );
      const expected = labels(['b', '2'], ['__proto__', '3'], ['a', '9'], ['c', '"\\']);
      expect(new Map([...merged.sets[0]!.labels!].sort())).to.deep.equal(new Map([...expected].sort()));
      await done(store, set('a', undefined, { removeLabels: ['*'], labels: labels(['d', '4']) }));
      expect((await get(store, 'a'))!.labels).to.deep.equal(labels(['d', '4']));
    });

    it('refuses more than 64 labels after the merge', async () => {
      const many = (from: number, count: number) =>
        new Map(Array.from({ length: count }, (_, index) => [`label${from + index}`, 'x'] as const));
      await done(store, set('a', 'x', { labels: many(0, 64) }));
      expect(await refused(store, set('a', undefined, { labels: many(64, 1) }))).to.deep.equal({
        reason: 'LIMIT_EXCEEDED',
        limit: 'labels',
        maximum: 64,
      });
      await done(store, set('a', undefined, { labels: many(64, 1), removeLabels: ['label0'] }));
    });

    it('tells labels only while they are small', async () => {
      const labels = new Map(Array.from({ length: 60 }, (_, index) => [`l${index}`, 'x'.repeat(200)] as const));
      const operations = Array.from({ length: 5 }, (_, index) => set(`k${index}`, 'x', { labels }));
      await commit(store, write(operations));
      const { sets } = await done(store, write(operations.map(({ key }) => set(key, 'y'))));
      for (const { key, labels: told } of sets) {
        expect(told === undefined || told.size === 60, key).to.equal(true);
        expect((await get(store, key))!.labels.size).to.equal(60);
      }
    });

    it('requires a value to create', async () => {
      expect(await refused(store, write([set('a', 'x'), set('b')]))).to.deep.equal({
        reason: 'VALUE_REQUIRED',
        key: 'b',
        operation: 1,
      });
    });

    it('refuses another kind, unless it is allowed', async () => {
      await done(store, set('a', 'x'));
      const number = { value: value('1', 'int_value') };
      const refusal = await refused(store, set('a', undefined, number));
      expect(refusal).to.deep.equal({ reason: 'KIND_MISMATCH', key: 'a', currentKind: 'string_value' });
      await done(store, set('a', undefined, { ...number, allowKindChange: true }));
      expect((await get(store, 'a'))!.value!.kind).to.equal('int_value');
    });

    it('keeps its own condition', async () => {
      expect(await refused(store, set('a', 'x', { ifRevision: 3n }))).to.deep.equal({
        reason: 'REVISION_MISMATCH',
        mismatches: [{ key: 'a', currentRevision: 0n }],
      });
      await done(store, set('a', 'x', { ifRevision: 0n }));
      expect(await refused(store, set('a', 'y', { ifRevision: 0n }))).to.deep.equal({
        reason: 'PARAMETER_EXISTS',
        key: 'a',
        currentRevision: 1n,
      });
      expect(await refused(store, set('a', 'y', { ifRevision: 9n }))).to.deep.equal({
        reason: 'REVISION_MISMATCH',
        mismatches: [{ key: 'a', currentRevision: 1n }],
      });
      await done(store, set('a', 'y', { ifRevision: 1n }));
    });

    it('keeps bytes as they are, none and a mebibyte', async () => {
      const large = Buffer.alloc(1 << 20, 'ÿ\0\\');
      await done(store, set('empty', ''));
      await done(store, set('large', undefined, { value: { kind: 'bytes_value', encoded: large } }));
      expect((await get(store, 'empty'))!.value!.encoded.length).to.equal(0);
      expect(large.equals((await get(store, 'large'))!.value!.encoded)).to.equal(true);
      expect((await get(store, 'empty'))!.value!.kind).to.equal('string_value');
    });
  });

  describe('delete', () => {
    it('deletes; a key that comes again is a new one', async () => {
      await done(store, set('a', 'x'));
      expect(await done(store, remove('a'))).to.deep.include({ revision: 2n, changed: true, missing: [], sets: [] });
      expect(await get(store, 'a')).to.equal(undefined);
      const again = await done(store, set('a', 'y'));
      expect(again.sets[0]).to.include({ createRevision: 3n, version: 1n });
    });

    it('of a missing key is refused, or takes no revision (C9)', async () => {
      await done(store, set('b', 'x'));
      expect(await refused(store, remove('a'))).to.deep.equal({
        reason: 'PARAMETER_NOT_FOUND',
        key: 'a',
        revision: 1n,
      });
      const outcome = await done(store, remove('a', { allowMissing: true }));
      expect(outcome).to.deep.include({ revision: 1n, changed: false, missing: ['a'] });
      expect((await store.readHead()).revision).to.equal(1n);
    });

    it('with a condition is refused where the key is missing or another one', async () => {
      await done(store, set('a', 'x'));
      for (const [key, currentRevision] of [['a', 1n] as const, ['b', 0n] as const]) {
        expect(await refused(store, remove(key, { ifRevision: 7n, allowMissing: true }))).to.deep.equal({
          reason: 'REVISION_MISMATCH',
          mismatches: [{ key, currentRevision }],
        });
      }
      await done(store, remove('a', { ifRevision: 1n }));
    });
  });

  describe('a write of several operations', () => {
    it('takes one revision, with events in the order of the operations', async () => {
      await done(store, set('b', 'x'));
      const outcome = await done(
        store,
        write([set('c', '1'), remove('z', { allowMissing: true }), remove('b'), set('a', '2')]),
      );
      expect(outcome).to.deep.include({ revision: 2n, missing: ['z'] });
      expect(outcome.sets.map(({ key }) => key)).to.deep.equal(['c', 'a']);
      const [, entry] = await wholeLog(store);
      expect(entry!.events.map(({ type, key, revision }) => [type, key, revision])).to.deep.equal([
        ['put', 'c', 2n],
        ['delete', 'b', 2n],
        ['put', 'a', 2n],
      ]);
    });

    it('is done wholly or not at all', async () => {
      await done(store, set('a', 'x'));
      expect(await refused(store, write([set('b', '1'), remove('a'), remove('none')]))).to.include({
        reason: 'PARAMETER_NOT_FOUND',
        key: 'none',
      });
      expect(await get(store, 'b')).to.equal(undefined);
    });

    it('is refused for the first operation that fails, after its conditions', async () => {
      const operations = [set('b'), remove('none')];
      expect(await refused(store, write(operations))).to.include({ reason: 'VALUE_REQUIRED' });
      const conditions = [
        { key: 'p', ifRevision: 5n },
        { key: 'q', ifRevision: 0n },
        { key: 'r', ifRevision: 6n },
      ];
      expect(await refused(store, write(operations, { conditions }))).to.deep.equal({
        reason: 'REVISION_MISMATCH',
        mismatches: [
          { key: 'p', currentRevision: 0n },
          { key: 'r', currentRevision: 0n },
        ],
      });
    });

    it('is done if all its conditions hold, also on the keys it writes', async () => {
      await done(store, set('a', 'x'));
      const conditions = [
        { key: 'a', ifRevision: 1n },
        { key: 'b', ifRevision: 0n },
      ];
      await done(store, write([set('a', 'y'), set('b', 'z')], { conditions }));
      expect((await get(store, 'b'))!.revision).to.equal(2n);
    });

    it('is refused beyond 3 MiB written and replaced', async () => {
      const mebibyte = { value: { kind: 'bytes_value' as const, encoded: Buffer.alloc(1 << 20) } };
      await done(store, set('a', undefined, mebibyte));
      expect(await refused(store, write([set('a', undefined, mebibyte), set('b', undefined, mebibyte)]))).to.deep.equal(
        { reason: 'LIMIT_EXCEEDED', limit: 'commit_bytes', maximum: 3 << 20 },
      );
      await done(store, set('a', undefined, mebibyte));
    });
  });

  describe('a batch', () => {
    it('does each write for itself, dense and in order (C9)', async () => {
      const committed = await commit(
        store,
        write(set('a', '1')),
        write(remove('none')),
        write([set('b', '1'), set('c', '1')]),
        write(remove('none2', { allowMissing: true })),
        write(set('d')),
        write(set('e', '1')),
      );
      expect(committed).to.include({ from: 1n, to: 3n, previousBatchId: '' });
      expect(
        committed.outcomes.map((outcome) => (outcome.done ? outcome.revision : outcome.refusal.reason)),
      ).to.deep.equal([1n, 'PARAMETER_NOT_FOUND', 2n, 2n, 'VALUE_REQUIRED', 3n]);
      const log = await wholeLog(store);
      expect(log.map(({ revision, events }) => [revision, events.length])).to.deep.equal([
        [1n, 1],
        [2n, 2],
        [3n, 1],
      ]);
      expect(new Set(log.map(({ batchId }) => batchId)).size).to.equal(1);
      const next = await commit(store, write(set('f', '1')));
      expect(next).to.include({ from: 4n, to: 4n, previousBatchId: log[0]!.batchId });
    });

    it('of 300 writes', async () => {
      const keys = Array.from({ length: 300 }, (_, index) => `key${index}`);
      const committed = await commit(store, ...keys.map((key) => write(set(key, key))));
      expect(committed.outcomes.map((outcome) => asDone(outcome).revision)).to.deep.equal(
        keys.map((_, index) => BigInt(index + 1)),
      );
      const { parameters } = await store.read(keys, { bytesMax: 1 << 20 });
      for (const [index, key] of keys.entries()) expect(parameters.get(key)!.revision).to.equal(BigInt(index + 1));
    });

    it('sent again gets the first answer again, and is not done again (C8)', async () => {
      await done(store, set('b', 'x'));
      const batch = { id: newBatchId(), writes: [write(set('a', '1')), write(set('none'))] };
      const first = await store.commit(batch, await expectation(store));
      await done(store, set('a', '2'));
      expect(await store.commit(batch, await expectation(store))).to.deep.equal(first);
      expect((await get(store, 'a'))!.version).to.equal(2n);
    });

    it('that changes nothing takes nothing', async () => {
      const committed = await commit(store, write(remove('a', { allowMissing: true })), write(remove('b')));
      expect(committed).to.include({ from: 1n, to: 0n });
      expect((await store.readHead()).batchId).to.equal('');
    });
  });

  describe('validateOnly', () => {
    it('checks everything and writes nothing', async () => {
      await done(store, set('a', 'x'));
      const head = await store.readHead();
      const outcome = await done(store, write([set('a', 'y'), set('b', 'z')], { validateOnly: true, requestId: 'v' }));
      expect(outcome).to.include({ revision: 0n, changed: false });
      expect(outcome.sets.map(({ key, version }) => [key, version])).to.deep.equal([
        ['a', 2n],
        ['b', 1n],
      ]);
      expect(await store.readHead()).to.deep.equal(head);
      expect(await refused(store, write(remove('none'), { validateOnly: true }))).to.include({
        reason: 'PARAMETER_NOT_FOUND',
      });
      expect((await done(store, write(set('v', '1'), { requestId: 'v' }))).replayed).to.equal(false);
    });
  });

  describe('request ids (C8)', () => {
    it('give the first answer again', async () => {
      const request = write([set('a', 'x'), remove('z', { allowMissing: true })], { requestId: 'r1' });
      const first = await done(store, request);
      await done(store, set('a', 'y'));
      expect(await done(store, request)).to.deep.equal({ ...first, replayed: true, sets: [] });
      expect((await store.readHead()).revision).to.equal(2n);
    });

    it('belong to a principal', async () => {
      await done(store, write(set('a', '1'), { requestId: 'r', principal: 'p' }));
      expect((await done(store, write(set('a', '2'), { requestId: 'r', principal: 'q' }))).replayed).to.equal(false);
      expect((await done(store, write(set('a', '1'), { requestId: 'r', principal: 'p' }))).revision).to.equal(1n);
    });

    it('of another request are refused', async () => {
      await done(store, write(set('a', 'x'), { requestId: 'r' }));
      const other = write(set('a', 'y'), { requestId: 'r', contentHash: new Uint8Array(32) });
      expect(await refused(store, other)).to.deep.equal({ reason: 'REQUEST_ID_REUSED' });
    });

    it('are looked at before conditions', async () => {
      const request = write(set('a', 'x', { ifRevision: 0n }), {
        requestId: 'r',
        conditions: [{ key: 'a', ifRevision: 0n }],
      });
      await done(store, request);
      expect((await done(store, request)).replayed).to.equal(true);
    });

    it('do not remember failures, but a delete that found nothing', async () => {
      const failing = write(remove('a'), { requestId: 'r' });
      await refused(store, failing);
      await done(store, set('a', 'x'));
      expect((await done(store, failing)).replayed).to.equal(false);
      const lenient = write(remove('b', { allowMissing: true }), { requestId: 's' });
      const first = await done(store, lenient);
      await done(store, set('b', 'x'));
      expect(await done(store, lenient)).to.deep.equal({ ...first, replayed: true });
      expect(await get(store, 'b')).to.not.equal(undefined);
    });

    it('are forgotten after an hour', async () => {
      const request = write(set('a', 'x'), { requestId: 'r' });
      await done(store, request);
      await subject.age(HOUR_MS - 60_000);
      expect((await done(store, request)).replayed).to.equal(true);
      await subject.age(2 * 60_000);
      expect(await done(store, request)).to.include({ replayed: false, revision: 2n });
      expect((await done(store, request)).revision).to.equal(2n);
    });
  });

  describe('what the writer expects', () => {
    const wrong = {
      'another epoch': { epochId: '0'.repeat(32) },
      'more applied than there is': { applied: 3n },
      'another batch at the head': { applied: 2n, batchIdAtApplied: 'f'.repeat(32) },
      'another batch within the log': { applied: 1n, batchIdAtApplied: 'f'.repeat(32) },
    };
    for (const [what, difference] of Object.entries(wrong)) {
      it(`${what} is epoch-changed, and nothing is done`, async () => {
        await done(store, set('a', '1'));
        await done(store, set('a', '2'));
        const before = await store.readHead();
        const expected = { ...(await expectation(store)), ...difference };
        const failed = await failure(store.commit({ id: newBatchId(), writes: [write(set('b', '1'))] }, expected));
        expect(failed.kind).to.equal('epoch-changed');
        expect(await store.readHead()).to.deep.equal(before);
      });
    }

    it('holds for whoever has applied part or all of the log', async () => {
      await done(store, set('a', '1'));
      await done(store, set('a', '2'));
      const log = await wholeLog(store);
      for (const { revision, batchId } of log) {
        const expected = { ...(await expectation(store)), applied: revision, batchIdAtApplied: batchId };
        await store.commit({ id: newBatchId(), writes: [write(remove('none'))] }, expected);
      }
    });
  });
}
