import { expect } from 'chai';
import fc from 'fast-check';
import type { Parameter } from '../../src/model/parameter.ts';
import type { Operation } from '../../src/model/write.ts';
import type { Store } from '../../src/ports/store.ts';
import type { OpenSubject, StoreSubject } from './store-subject.ts';
import {
  commit,
  done,
  failure,
  get,
  listAll,
  plain,
  plainEntry,
  remove,
  set,
  value,
  WHOLE,
  wholeLog,
  write,
} from './store-subject.ts';

/** Keys that sort, quote or parse badly where somebody was careless. Here in the order of their bytes. */
const AWKWARD_KEYS = [
  '"double"',
  '%_',
  "'; DROP TABLE paramd.current; --",
  '..',
  'A',
  '\\x41',
  '__proto__',
  'a',
  'a b',
  'a:',
  'a:b',
  'aa',
  'constructor',
  'x'.repeat(512),
  '{a,b}',
  'é',
  'ÿ',
  'ÿÿ',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '😀',
  '😀😀',
  '\u{10ffff}',
  '\u{10ffff}'.repeat(128),
];

/** Reads of the state and of the log. */
export function readsContract(open: OpenSubject): void {
  let subject: StoreSubject;
  let store: Store;
  beforeEach(async () => {
    subject = await open();
    store = subject.store;
  });
  afterEach(() => subject.close());

  it('an installation is the same whenever asked, with id and secret', async () => {
    const first = await store.installation();
    expect(first.id).to.match(/^[0-9a-f]{32}$/);
    expect(first.secret.length).to.equal(32);
    expect(await store.installation()).to.deep.equal(first);
  });

  it('an empty store has a head before the first revision', async () => {
    const head = await store.readHead();
    expect(head).to.deep.include({ revision: 0n, batchId: '', compactRevision: 0n });
    expect(head.epoch).to.deep.include({ number: 0n, startRevision: 1n, lostAfter: 0n });
    expect(head.epoch.incarnation).to.equal(head.incarnation);
    expect(head.epoch.id).to.match(/^[0-9a-f]{32}$/);
    expect(await store.epochs()).to.deep.equal([head.epoch]);
    expect(await store.readLog({ ...WHOLE, after: 0n })).to.deep.equal({ head, batchIdAtAfter: '', entries: [] });
    expect(await listAll(store)).to.deep.equal([]);
  });

  describe('read', () => {
    it('gives what exists, with the head', async () => {
      await commit(store, write(set('a', '1')), write(set('b', '2')));
      const { head, parameters } = await store.read(['b', 'none', 'a'], { bytesMax: 100 });
      expect(head).to.deep.equal(await store.readHead());
      expect([...parameters.keys()].sort()).to.deep.equal(['a', 'b']);
      expect((await store.read([], { bytesMax: 1 })).head).to.deep.equal(head);
      expect((await store.read(['none'], { bytesMax: 1 })).parameters.size).to.equal(0);
    });

    it('keeps the bound in bytes', async () => {
      await commit(store, write(set('a', '12345')), write(set('b', '67890')));
      expect((await store.read(['a', 'b'], { bytesMax: 10 })).parameters.size).to.equal(2);
      expect((await failure(store.read(['a', 'b'], { bytesMax: 9 }))).kind).to.equal('too-large');
    });
  });

  describe('awkward keys', () => {
    beforeEach(() => commit(store, ...AWKWARD_KEYS.toReversed().map((key) => write(set(key, key)))));

    it('read and list in the order of their bytes', async () => {
      expect((await listAll(store)).map(({ key }) => key)).to.deep.equal(AWKWARD_KEYS);
      const bytes = AWKWARD_KEYS.map((key) => Buffer.from(key));
      expect(bytes.toSorted(Buffer.compare)).to.deep.equal(bytes);
      for (const key of AWKWARD_KEYS) {
        expect(Buffer.from((await get(store, key))!.value!.encoded).toString()).to.equal(key);
      }
    });

    it('are prefixes of what begins with them', async () => {
      for (const prefix of AWKWARD_KEYS) {
        const expected = AWKWARD_KEYS.filter((key) => key.startsWith(prefix));
        expect(
          (await listAll(store, { prefix })).map(({ key }) => key),
          prefix,
        ).to.deep.equal(expected);
        expect(
          (await listAll(store, { prefix, asOf: 1000n })).map(({ key }) => key),
          prefix,
        ).to.deep.equal(expected);
      }
    });

    it('can be deleted, and conditions be on them', async () => {
      const conditions = AWKWARD_KEYS.map((key, index) => ({ key, ifRevision: BigInt(AWKWARD_KEYS.length - index) }));
      await done(
        store,
        write(
          AWKWARD_KEYS.map((key) => remove(key)),
          { conditions },
        ),
      );
      expect(await listAll(store)).to.deep.equal([]);
      expect((await listAll(store, { asOf: BigInt(AWKWARD_KEYS.length) })).map(({ key }) => key)).to.deep.equal(
        AWKWARD_KEYS,
      );
    });
  });

  describe('list', () => {
    const range = { prefix: 'k', limit: 10, bytesMax: 1 << 20, keysOnly: false };

    it('gives pages behind a key', async () => {
      await commit(store, ...['k1', 'k2', 'k3', 'l'].map((key) => write(set(key, key))));
      const page = await store.list({ ...range, limit: 2 });
      expect([page.parameters.map(({ key }) => key), page.more]).to.deep.equal([['k1', 'k2'], true]);
      const last = await store.list({ ...range, limit: 2, after: 'k2' });
      expect([last.parameters.map(({ key }) => key), last.more]).to.deep.equal([['k3'], false]);
      const full = await store.list({ ...range, limit: 3 });
      expect([full.parameters.length, full.more]).to.deep.equal([3, false]);
      expect((await store.list({ ...range, after: 'k3' })).parameters).to.deep.equal([]);
      expect(page.head).to.deep.equal(await store.readHead());
    });

    it('leaves values out if only keys are asked for', async () => {
      await done(store, set('k', 'x', { labels: new Map([['a', 'b']]) }));
      const [parameter] = await listAll(store, { keysOnly: true });
      expect(parameter).to.deep.equal({ ...(await get(store, 'k'))!, value: undefined });
    });

    it('stops before the bound in bytes, but gives one', async () => {
      const large = 'x'.repeat(10_000);
      await commit(store, ...['k1', 'k2', 'k3'].map((key) => write(set(key, large))));
      const page = await store.list({ ...range, bytesMax: 25_000 });
      expect([page.parameters.length, page.more]).to.deep.equal([2, true]);
      const least = await store.list({ ...range, bytesMax: 1, after: 'k2' });
      expect([least.parameters.length, least.more]).to.deep.equal([1, false]);
      expect((await store.list({ ...range, bytesMax: 5000, keysOnly: true })).parameters.length).to.equal(3);
    });

    it('gives every earlier state exactly as it was', async () => {
      const key = fc.constantFrom('a', 'a:1', 'a:2', 'b', 'ÿ', '😀');
      const operation: fc.Arbitrary<Operation> = fc.oneof(
        fc.tuple(key, fc.string({ maxLength: 4 })).map(([name, text]) => set(name, text)),
        key.map((name) => remove(name, { allowMissing: true })),
      );
      const history = fc.array(
        fc.uniqueArray(operation, { minLength: 1, maxLength: 4, selector: ({ key: name }) => name }),
        { minLength: 1, maxLength: 25 },
      );
      await fc.assert(
        fc.asyncProperty(history, async (commits) => {
          const states: { revision: bigint; parameters: unknown[] }[] = [];
          for (const operations of commits) {
            await done(store, write(operations));
            const { revision } = await store.readHead();
            states.push({ revision, parameters: (await listAll(store)).map(plain) });
          }
          for (const { revision, parameters } of states) {
            const found = await listAll(store, { asOf: revision });
            expect(found.map(plain)).to.deep.equal(parameters);
            const within = (found as Parameter[]).filter((parameter) => parameter.key.startsWith('a:')).map(plain);
            expect((await listAll(store, { asOf: revision, prefix: 'a:', limit: 1 })).map(plain)).to.deep.equal(within);
          }
        }),
        { numRuns: 8 },
      );
    });
  });

  describe('readLog', () => {
    beforeEach(async () => {
      await commit(
        store,
        write([set('a', '1'), set('b', '1')]),
        write(set('c', '1', { labels: new Map([['x', 'y']]) })),
      );
      await commit(store, write([remove('a'), set('b', '2'), set('d', '1')]));
    });

    it('tells what was written and what was there before', async () => {
      const [first, second, third] = await wholeLog(store);
      expect(first!.events.map(({ previous }) => previous)).to.deep.equal([null, null]);
      expect(plain(second!.events[0]!.parameter)).to.deep.equal(plain(await get(store, 'c')));
      const [gone, changed, made] = third!.events;
      expect([gone!.type, changed!.type, made!.type]).to.deep.equal(['delete', 'put', 'put']);
      expect(plain(gone!.previous)).to.deep.equal(plain(first!.events[0]!.parameter));
      expect(plain(changed!.previous)).to.deep.equal(plain(first!.events[1]!.parameter));
      expect(plain(changed!.parameter)).to.deep.equal(plain(await get(store, 'b')));
      expect(gone!.parameter).to.deep.include({
        key: 'a',
        value: undefined,
        revision: 3n,
        updatedBy: 'tester',
        version: 0n,
      });
      expect(gone!.parameter!.updateTimeUs).to.equal(changed!.parameter!.updateTimeUs);
    });

    it('can leave parameters out', async () => {
      const { entries } = await store.readLog({ ...WHOLE, after: 1n, values: false });
      expect(entries.map(({ events }) => events)).to.deep.equal([
        [{ type: 'put', key: 'c', revision: 2n }],
        [
          { type: 'delete', key: 'a', revision: 3n },
          { type: 'put', key: 'b', revision: 3n },
          { type: 'put', key: 'd', revision: 3n },
        ],
      ]);
    });

    it('knows the batch at the place it begins at', async () => {
      const [first, , third] = await wholeLog(store);
      const at = async (after: bigint) => (await store.readLog({ ...WHOLE, after })).batchIdAtAfter;
      expect([await at(0n), await at(1n), await at(2n), await at(3n), await at(4n)]).to.deep.equal([
        '',
        first!.batchId,
        first!.batchId,
        third!.batchId,
        undefined,
      ]);
    });

    it('gives whole revisions under any bound, one at least (C10)', async () => {
      const whole = await wholeLog(store);
      for (const lane of ['tailer', 'catch-up'] as const) {
        for (const values of [true, false]) {
          for (const [entriesMax, bytesMax] of [
            [1, 1 << 20],
            [2, 1 << 20],
            [100, 1],
            [100, 300],
            [100, 700],
            [100, 5000],
          ]) {
            const keys: string[] = [];
            let after = 0n;
            while (after < 3n) {
              const { entries } = await store.readLog({
                after,
                entriesMax: entriesMax!,
                bytesMax: bytesMax!,
                values,
                lane,
              });
              expect(entries.length).to.be.within(1, entriesMax!);
              keys.push(
                ...entries.flatMap(({ revision, events }) => events.map((event) => `${revision} ${event.key}`)),
              );
              after = entries.at(-1)!.revision;
            }
            const expected = whole.flatMap(({ revision, events }) => events.map((event) => `${revision} ${event.key}`));
            expect(keys).to.deep.equal(expected);
          }
        }
      }
      const { entries } = await store.readLog({ ...WHOLE, after: 0n, bytesMax: 100 });
      expect(entries.length, 'the first one is larger').to.equal(1);
    });

    it('stops before the bound in bytes', async () => {
      await commit(store, ...['k1', 'k2', 'k3', 'k4'].map((key) => write(set(key, 'x'.repeat(10_000)))));
      const page = await store.readLog({ ...WHOLE, after: 3n, bytesMax: 25_000 });
      expect(page.entries.map(({ revision }) => revision)).to.deep.equal([4n, 5n]);
      expect((await store.readLog({ ...WHOLE, after: 3n, bytesMax: 25_000, values: false })).entries.length).to.equal(
        4,
      );
    });

    it('readEntry gives one revision', async () => {
      const log = await wholeLog(store);
      for (const entry of log) {
        expect(plainEntry((await store.readEntry(entry.revision))!)).to.deep.equal(plainEntry(entry));
      }
      expect(await store.readEntry(0n)).to.equal(undefined);
      expect(await store.readEntry(4n)).to.equal(undefined);
    });
  });

  it('values of every kind keep their kind', async () => {
    const kinds = ['string_value', 'int_value', 'double_value', 'bool_value', 'bytes_value', 'json_value'] as const;
    await commit(store, ...kinds.map((kind) => write(set(kind, undefined, { value: value('x', kind) }))));
    for (const kind of kinds) expect((await get(store, kind))!.value!.kind).to.equal(kind);
  });
}
