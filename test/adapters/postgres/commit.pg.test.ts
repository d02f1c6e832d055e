import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { MemoryStore } from '../../../src/adapters/memory/store.ts';
import type { Operation, Outcome, Write } from '../../../src/model/write.ts';
import type { Committed, Store } from '../../../src/ports/store.ts';
import {
  asDone,
  commit,
  done,
  expectation,
  failure,
  get,
  newBatchId,
  remove,
  set,
  value,
  wholeLog,
  write,
} from '../../contract/store-subject.ts';
import type { PostgresSubject } from './postgres-subject.ts';
import { openSubject } from './postgres-subject.ts';

describe('commit to PostgreSQL', () => {
  let subject: PostgresSubject;
  beforeEach(async () => {
    subject = await openSubject({ timeouts: { writeMs: 1000 } });
  });
  afterEach(() => subject.close());

  it('of racing replicas makes one dense order (C9)', async () => {
    const stores = await Promise.all([subject.another(), subject.another(), subject.another()]);
    const expected = await expectation(subject.store);
    const each = 40;
    const committed = await Promise.all(
      stores.map(async (store, replica) => {
        const answers: Committed[] = [];
        for (let n = 0; n < each; n++) {
          const writes = [write(set('shared', `${replica}.${n}`)), write(set(`own${replica}`, `${n}`))];
          answers.push(await store.commit({ id: newBatchId(), writes }, expected));
        }
        return answers;
      }),
    );
    const log = await wholeLog(subject.store);
    expect(log.map(({ revision }) => revision)).to.deep.equal(log.map((_, index) => BigInt(index + 1)));
    expect(log.length).to.equal(stores.length * each * 2);
    for (const { from, to, previousBatchId } of committed.flat()) {
      expect(to - from).to.equal(1n);
      expect(previousBatchId).to.equal(from === 1n ? '' : log[Number(from) - 2]!.batchId);
      expect(log[Number(to) - 1]!.batchId).to.equal(log[Number(from) - 1]!.batchId);
    }
    const shared = log.flatMap(({ events }) => events).filter(({ key }) => key === 'shared');
    for (const [index, event] of shared.entries()) {
      expect(event.parameter!.version, 'judged against the state just before').to.equal(BigInt(index + 1));
      expect(event.previous?.revision).to.equal(shared[index - 1]?.revision);
    }
  });

  it('lets one of several conditional writers win', async () => {
    const stores = await Promise.all([subject.another(), subject.another(), subject.another()]);
    await done(subject.store, set('counter', '0'));
    const increment = async (store: Store) => {
      const expected = await expectation(store);
      for (let wins = 0; wins < 10; ) {
        const seen = (await get(store, 'counter'))!;
        const next = String(Number(Buffer.from(seen.value!.encoded).toString()) + 1);
        const writes = [write(set('counter', next, { ifRevision: seen.revision }))];
        const { outcomes } = await store.commit({ id: newBatchId(), writes }, expected);
        if (outcomes[0]!.done) wins++;
      }
    };
    await Promise.all(stores.map(increment));
    expect(Buffer.from((await get(subject.store, 'counter'))!.value!.encoded).toString()).to.equal('30');
  });

  it('does and refuses what the memory store does and refuses', async () => {
    const clock = { monotonicMs: () => 0, wallMs: () => 0, setTimer: () => ({ cancel: () => {} }) };
    const memory = new MemoryStore({ clock, random: Math.random });
    let requests = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(batchArbitrary(), { minLength: 1, maxLength: 6 }), async (batches) => {
        for (const writes of batches) {
          const batch = { id: newBatchId(), writes: writes.map((one) => resolved(one, memory, () => requests++)) };
          const answers = await Promise.all(
            [subject.store, memory].map(async (store) => store.commit(batch, await expectation(store))),
          );
          const [postgres, reference] = answers.map(comparable);
          expect(postgres).to.deep.equal(reference);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('with a text that PostgreSQL cannot take fails as data, and nothing is done', async () => {
    const before = await subject.store.readHead();
    for (const operation of [set('a\0b', 'x'), set('a', 'x', { labels: new Map([['l', '\0']]) })]) {
      const failed = await failure(commit(subject.store, write(set('fine', '1')), write(operation)));
      expect(failed.kind).to.equal('data');
      expect(failed.message).to.match(/error 22\w{3}$/);
    }
    expect(await subject.store.readHead()).to.deep.equal(before);
  });

  it('while the head is locked fails in time, definitely, and works after', async () => {
    const { default: pg } = await import('pg');
    const blocker = new pg.Client({ connectionString: subject.url });
    await blocker.connect();
    await blocker.query('BEGIN');
    await blocker.query('SELECT * FROM paramd.head FOR UPDATE');
    expect((await failure(commit(subject.store, write(set('a', '1'))))).kind).to.equal('unreachable');
    await blocker.query('ROLLBACK');
    await blocker.end();
    expect((await done(subject.store, set('a', '2'))).revision).to.equal(1n);
  });

  it('answers in at most 16 KiB, so that no slow reader keeps the lock', async () => {
    const { store } = subject;
    const labels = new Map(Array.from({ length: 3 }, (_, index) => [`label${index}`, 'x'.repeat(30)] as const));
    const writes = Array.from({ length: 300 }, (_, index) => write(set(`${'k'.repeat(500)}${index}`, 'x', { labels })));
    await store.startEpoch((await store.readHead()).epoch, 0n);
    for (let round = 0; round < 2; round++) await commit(store, ...writes);
    const rows = await subject.sql('SELECT octet_length(outcomes) AS bytes FROM paramd.batch');
    expect(rows.length).to.equal(2);
    for (const { bytes } of rows) expect(bytes).to.be.at.most(16_384);
  });

  it('tells the labels of as many writes as usually share a batch', async () => {
    const labels = new Map([
      ['team', 'payments'],
      ['stage', 'production'],
    ]);
    const keys = Array.from({ length: 128 }, (_, index) => `key${index}`);
    await commit(subject.store, ...keys.map((key) => write(set(key, 'x', { labels }))));
    const { outcomes } = await commit(subject.store, ...keys.map((key) => write(set(key, 'y'))));
    for (const outcome of outcomes) expect(asDone(outcome).sets[0]!.labels).to.deep.equal(labels);
  });

  it('makes a partition that is missing', async () => {
    await subject.sql('DROP TABLE paramd.change_1');
    await subject.sql('UPDATE paramd.head SET revision = 3000000');
    expect((await done(subject.store, set('a', '1'))).revision).to.equal(3_000_001n);
  });

  it('is durable whatever the default of the role (C8)', async () => {
    const database = new URL(subject.url).pathname.slice(1);
    await subject.sql(`ALTER DATABASE "${database}" SET synchronous_commit = off`);
    await subject.sql(`CREATE TABLE seen (setting text)`);
    await subject.sql(`
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER note AFTER INSERT ON paramd.batch DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()`);
    const store = await subject.another();
    await done(store, set('a', '1'));
    expect(await subject.sql('SELECT setting FROM seen')).to.deep.equal([{ setting: 'on' }]);
  });
});

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Writes that do not touch each other, as the port demands. */
function batchArbitrary(): fc.Arbitrary<Write[]> {
  const revision = fc.constantFrom(undefined, undefined, undefined, 0n, 1n, 1n, 7n);
  const label = fc.constantFrom('x', 'y', '__proto__');
  const kind = fc.constantFrom('string_value' as const, 'string_value' as const, 'int_value' as const);
  const operation = (key: string): fc.Arbitrary<Operation> =>
    fc.oneof(
      fc
        .record({
          text: fc.option(fc.string({ maxLength: 3 }), { nil: undefined, freq: 4 }),
          kind,
          labels: fc.array(fc.tuple(label, fc.string({ maxLength: 2 })), { maxLength: 2 }),
          removeLabels: fc.array(fc.oneof(label, fc.constant('*')), { maxLength: 2 }),
          allowKindChange: fc.boolean(),
          ifRevision: revision,
          cacheTtlNs: fc.option(fc.bigInt(1n, 9n), { nil: undefined }),
        })
        .map(({ text, kind: of, labels, ...more }) =>
          set(key, undefined, {
            ...more,
            labels: new Map(labels),
            value: text === undefined ? undefined : value(text, of),
          }),
        ),
      fc.record({ allowMissing: fc.boolean(), ifRevision: revision }).map((more) => remove(key, more)),
    );
  return fc
    .tuple(
      fc.shuffledSubarray(keys),
      fc.array(fc.nat(2), { minLength: 6, maxLength: 6 }),
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    )
    .chain(([some, sizes, flags]) => {
      const writes: fc.Arbitrary<Write>[] = [];
      const left = [...some];
      for (const [index, size] of sizes.entries()) {
        const own = left.splice(0, size + 1);
        if (own.length === 0) break;
        const conditioned = flags[index] ? own[0]! : `other${index}`;
        writes.push(
          fc
            .tuple(fc.tuple(...own.map(operation)), revision, fc.integer({ min: 0, max: 9 }))
            .map(([operations, ifRevision, chance]) =>
              write(operations, {
                conditions: ifRevision === undefined ? [] : [{ key: conditioned, ifRevision }],
                validateOnly: chance === 0,
                requestId: chance > 6 ? `again${chance}-${index}` : chance > 4 ? 'new' : '',
              }),
            ),
        );
      }
      return fc.tuple(...writes);
    });
}

/** `new` gets a request id of its own, the others come again; a condition on 1 is on the revision that there is. */
function resolved(one: Write, memory: MemoryStore, next: () => number): Write {
  const real = <T extends { key: string; ifRevision?: bigint | undefined }>(on: T): T =>
    on.ifRevision === 1n ? { ...on, ifRevision: memory.current.get(on.key)?.revision ?? 0n } : on;
  const conditions = one.conditions.map(real);
  const operations = one.operations.map(real);
  const content = inspect([conditions, operations, one.validateOnly], { depth: null });
  return {
    ...one,
    conditions,
    operations,
    requestId: one.requestId === 'new' ? `request${next()}` : one.requestId,
    contentHash: createHash('sha256').update(content).digest(),
  };
}

/** Without times and ids, which differ. */
function comparable({ outcomes, from, to }: Committed) {
  return { from, to, outcomes: outcomes.map(withoutTimes) };
}

function withoutTimes(outcome: Outcome) {
  if (!outcome.done) return outcome;
  return {
    ...outcome,
    updateTimeUs: 0n,
    sets: outcome.sets.map((one) => ({ ...one, createTimeUs: 0n, labels: [...one.labels!].sort() })),
  };
}
