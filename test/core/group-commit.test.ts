import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import { BatchForming } from '../../src/core/write/batch-forming.ts';
import { GroupCommit } from '../../src/core/write/group-commit.ts';
import { ParamdError } from '../../src/model/errors.ts';
import type { Batch, Outcome, Write } from '../../src/model/write.ts';
import { type Committed, type Store, StoreError } from '../../src/ports/store.ts';
import { CountingTelemetry, failureOf, setText } from './cluster.ts';

function write(keys: readonly string[], more: Partial<Write> = {}): Write {
  return {
    conditions: [],
    operations: keys.map((key) => setText(key, 'x')),
    requestId: '',
    principal: '',
    actor: '',
    contentHash: new Uint8Array(32),
    validateOnly: false,
    ...more,
  };
}

const conditionsOn = (...keys: string[]) => keys.map((key) => ({ key, ifRevision: 0n }));

describe('what a batch takes in', () => {
  it('is judged against the state before it: nothing in it may touch what another write of it touches', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 3 });
    const writes = fc.record({ keys: names, conditions: names, requestId: fc.constantFrom('', '', 'r1', 'r2') });
    fc.assert(
      fc.property(fc.array(writes, { maxLength: 12 }), (offered) => {
        const forming = new BatchForming();
        for (const { keys, conditions, requestId } of offered) {
          const next = write(keys, { conditions: conditionsOn(...conditions), requestId });
          if (forming.fits(next)) forming.take(next);
        }
        for (const [at, one] of forming.writes.entries()) {
          for (const other of forming.writes.slice(at + 1)) expectApart(one, other);
        }
      }),
    );
  });

  it('never refuses a write that comes alone, however large', () => {
    const large = write(
      Array.from({ length: 300 }, (_, at) => `k${at}`),
      { conditions: conditionsOn('a', 'b') },
    );
    expect(new BatchForming().fits(large)).to.equal(true);
  });

  it('is bounded in operations and bytes', () => {
    const forming = new BatchForming();
    for (let at = 0; forming.fits(write([`k${at}`])); at++) forming.take(write([`k${at}`]));
    expect(forming.writes).to.have.length(300);
    const bytes = new BatchForming();
    const value = { kind: 'bytes_value', encoded: new Uint8Array(400_000) } as const;
    const big = (key: string) => write([], { operations: [{ ...setText(key, ''), value } as never] });
    for (let at = 0; bytes.fits(big(`k${at}`)); at++) bytes.take(big(`k${at}`));
    expect(bytes.writes).to.have.length(2);
  });
});

function expectApart(one: Write, other: Write): void {
  const keysOf = ({ operations }: Write) => operations.map(({ key }) => key);
  const conditionsOf = ({ conditions }: Write) => conditions.map(({ key }) => key);
  expect(keysOf(one)).to.not.include.members(keysOf(other));
  for (const key of keysOf(one)) expect([...keysOf(other), ...conditionsOf(other)]).to.not.include(key);
  for (const key of keysOf(other)) expect([...keysOf(one), ...conditionsOf(one)]).to.not.include(key);
  if (one.requestId !== '') expect(one.requestId).to.not.equal(other.requestId);
}

describe('group commit', () => {
  const clock = new VirtualClock();
  let batches: Batch[];
  let answers: ((batch: Batch) => Promise<Committed> | Committed)[];
  let commits: GroupCommit;
  let revision: bigint;
  let committed: (batch: Batch) => void;

  beforeEach(() => {
    batches = [];
    answers = [];
    revision = 0n;
    committed = () => {};
    let ids = 0;
    const store = {
      async commit(batch: Batch): Promise<Committed> {
        batches.push(batch);
        return (answers.shift() ?? done)(batch);
      },
    } as unknown as Store;
    commits = new GroupCommit({
      store,
      clock,
      telemetry: new CountingTelemetry(),
      newBatchId: () => String(++ids),
      expected: () => ({ epochId: 'e', applied: 0n, batchIdAtApplied: '' }),
      epochResolved: async () => {},
      committed: (batch) => {
        committed(batch);
        return true;
      },
    });
  });

  function done(batch: Batch): Committed {
    const from = revision + 1n;
    const outcomes = batch.writes.map((): Outcome => ({ ...DONE, revision: ++revision }));
    return { outcomes, from, to: revision, previousBatchId: '', epochId: 'e' };
  }

  const DONE = {
    done: true,
    revision: 0n,
    changed: true,
    replayed: false,
    updateTimeUs: 0n,
    sets: [],
    missing: [],
  } as const;
  const submit = (keys: string[], source = 'one', deadlineMs = 5_000) =>
    commits.submit(write(keys), source, { deadlineAtMs: clock.monotonicMs() + deadlineMs });

  /** Keeps the first batch under way until told. */
  function hold(): () => void {
    let release = () => {};
    answers.push((batch) => new Promise((resolve) => (release = () => resolve(done(batch)))));
    return () => release();
  }

  it('goes on after a defect in what follows a commit', async () => {
    committed = () => {
      throw new Error('a defect');
    };
    const failed = await clock.until(submit(['a']).catch((error: unknown) => error));
    expect(failed).to.be.an('error').with.property('message', 'a defect');
    committed = () => {};
    expect((await clock.until(submit(['b']))).done).to.equal(true);
  });

  it('lets connections take turns', async () => {
    const release = hold();
    const first = submit(['first']);
    await clock.advance(1);
    const greedy = Array.from({ length: 1_000 }, (_, at) => submit([`g${at}`], 'greedy'));
    const modest = submit(['m'], 'modest');
    release();
    await clock.until(Promise.all([first, modest, ...greedy]));
    expect(batches[1]?.writes.some(({ operations }) => operations[0]?.key === 'm')).to.equal(true);
    expect(batches).to.have.length(5);
  });

  it('finds the one bad write by halves; the others are done', async () => {
    const release = hold();
    const first = submit(['first']);
    await clock.advance(1);
    const all = Promise.allSettled(Array.from({ length: 8 }, (_, at) => submit([`k${at}`])));
    const refuseBad = (batch: Batch): Committed => {
      if (batch.writes.some(({ operations }) => operations[0]?.key === 'k5')) throw new StoreError('data', 'bad');
      return done(batch);
    };
    for (let at = 0; at < 8; at++) answers.push(refuseBad);
    release();
    await clock.until(first);
    const settled = await clock.until(all);
    expect(settled.map(({ status }) => status)).to.deep.equal(
      Array.from({ length: 8 }, (_, at) => (at === 5 ? 'rejected' : 'fulfilled')),
    );
    expect(new Set(batches.map(({ id }) => id)).size, 'batch ids').to.equal(batches.length);
  });

  it('C8: sends a batch of unknown outcome again as it was, and never a part of it', async () => {
    answers.push(() => {
      throw new StoreError('ambiguous', 'connection lost');
    });
    answers.push(() => {
      throw new StoreError('unreachable', 'refused');
    });
    const outcome = await clock.until(submit(['a']));
    expect(outcome.done).to.equal(true);
    expect(batches).to.have.length(3);
    expect(batches.every((batch) => batch === batches[0])).to.equal(true);
  });

  it('C8: refuses nothing of a batch whose first sending may still arrive', async () => {
    const refused = (batch: Batch): Committed => ({
      outcomes: batch.writes.map((): Outcome => ({ done: false, refusal: { reason: 'REQUEST_ID_REUSED' } })),
      from: revision + 1n,
      to: revision,
      previousBatchId: '',
      epochId: 'e',
    });
    answers.push(() => {
      throw new StoreError('ambiguous', 'connection lost');
    });
    answers.push(refused, refused);
    const failure = await clock.until(failureOf(submit(['a'])));
    expect(failure).to.deep.equal({ reason: 'OUTCOME_UNKNOWN', retriable: false });
    expect(batches).to.have.length(2);
    expect((await clock.until(submit(['a']))).done).to.equal(false);
  });

  it('a write that was not sent in time is not sent at all', async () => {
    const release = hold();
    const first = submit(['first']);
    await clock.advance(1);
    const late = failureOf(submit(['late'], 'one', 100));
    await clock.advance(200);
    expect((await late).reason).to.equal('STORE_UNREACHABLE');
    release();
    await clock.until(first);
    await clock.advance(10);
    expect(batches).to.have.length(1);
  });

  it('a write under way whose caller cannot wait has an unknown outcome', async () => {
    hold();
    const failure = failureOf(submit(['a'], 'one', 100));
    await clock.advance(200);
    expect(await failure).to.deep.equal({ reason: 'OUTCOME_UNKNOWN', retriable: false });
  });

  it('is bounded: beyond it writes are told to come again', async () => {
    hold();
    const first = submit(['first']);
    first.catch(() => {});
    await clock.advance(1);
    const waiting = Promise.allSettled(Array.from({ length: 10_000 }, (_, at) => submit([`k${at}`])));
    expect((await failureOf(submit(['one more']))).reason).to.equal('RATE_LIMITED');
    const errors = await clock.until(waiting);
    expect(errors.every((one) => one.status === 'rejected' && one.reason instanceof ParamdError)).to.equal(true);
  });
});
