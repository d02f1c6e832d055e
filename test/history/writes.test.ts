import { expect } from 'chai';
import { checkHistory } from './check-history.ts';
import type { Era, History, TrueEntry, WriteOutcome, WriteRecord } from './history.ts';

const put: TrueEntry = {
  revision: 1n,
  batchId: 'one',
  events: [{ key: 'a', type: 'put', value: 'x', previous: undefined, createRevision: 1n, version: 1n }],
};

function deleted(revision: bigint): TrueEntry {
  const previous = { value: 'x', revision: 1n };
  return {
    revision,
    batchId: 'two',
    events: [{ key: 'a', type: 'delete', value: '', previous, createRevision: 0n, version: 0n }],
  };
}

/** A failover loses all but the first revision; the replica does the batch again in the next epoch. */
function historyOf(
  entries: { readonly before: TrueEntry[]; readonly after: TrueEntry[] },
  outcome: WriteOutcome,
): History {
  const era = { keptRevision: 0n, continues: -1, startRevision: 1n, epochNumber: 0n, epochId: 'e0' };
  const eras: Era[] = [
    { ...era, entries: [put, ...entries.before], endMs: 50 },
    {
      epochNumber: 1n,
      epochId: 'e1',
      startRevision: 100n,
      keptRevision: 1n,
      continues: 0,
      entries: entries.after,
      endMs: Infinity,
    },
  ];
  const call = { type: 'write', client: 1, replica: 'r1', conditions: [], requestId: '' } as const;
  const operations: WriteRecord[] = [
    {
      ...call,
      callMs: 1,
      returnMs: 2,
      operations: [{ type: 'set', key: 'a', value: 'x' }],
      outcome: { status: 'ok', revision: 1n },
    },
    { ...call, callMs: 10, returnMs: 90, operations: [{ type: 'delete', key: 'a' }], outcome },
  ];
  return { operations, watches: [], truth: { eras }, faults: [], stalenessMs: 500 };
}

function kindsIn(history: History): string[] {
  const { found } = checkHistory(history, { mayLose: true, grainMs: 0, operationsPerSecondMin: 0 });
  return Object.keys(found).filter((kind) => kind !== 'nothing succeeded');
}

describe('whose a delete is', () => {
  const again = { before: [deleted(2n)], after: [deleted(100n)] };

  it('that was lost: of the call that was acknowledged when it had been done again', () => {
    expect(kindsIn(historyOf(again, { status: 'ok', revision: 100n }))).to.deep.equal([]);
  });

  it('that was lost: not of one that was refused, or acknowledged before it was lost', () => {
    const refused = { status: 'failed', reason: 'REVISION_MISMATCH' } as const;
    expect(kindsIn(historyOf({ ...again, after: [] }, refused))).to.include('entry that nobody wrote');
    expect(kindsIn(historyOf(again, { status: 'ok', revision: 2n }))).to.include('entry that nobody wrote');
  });

  it('that was not lost: of nobody whose own is in the same order', () => {
    const twice = { before: [], after: [deleted(100n), deleted(101n)] };
    expect(kindsIn(historyOf(twice, { status: 'ok', revision: 100n }))).to.include('entry that nobody wrote');
  });
});
