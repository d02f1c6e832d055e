import { expect } from 'chai';
import type { TrueEntry } from '../history/history.ts';
import { type EpochRow, erasOf, type ServerLog } from './eras.ts';

const FIRST: EpochRow = { number: '0', id: 'first', start_revision: '1' };
const ONE: EpochRow = { number: '1', id: 'one', start_revision: '1000' };
const OTHER: EpochRow = { number: '1', id: 'other', start_revision: '2000' };

/** Entries as "revision batch". */
function log(epochs: readonly EpochRow[], ...entries: readonly string[]): ServerLog {
  const parsed = entries.map((entry): TrueEntry => {
    const [revision = '', batchId = ''] = entry.split(' ');
    return { revision: BigInt(revision), batchId, events: [] };
  });
  return { epochs, entries: new Map(parsed.map((entry) => [entry.revision, entry])) };
}

function told(reigns: readonly { readonly log: ServerLog; readonly untilMs: number }[]): readonly string[] {
  return erasOf(reigns).map(({ epochId, keptRevision, continues, entries, endMs }) => {
    const revisions = entries.map(({ revision }) => revision).join(' ');
    return `${epochId}: ${revisions}; goes on from ${continues} at ${keptRevision}, until ${endMs}`;
  });
}

describe('the eras of a run', () => {
  it('are one without a failover', () => {
    expect(told([{ log: log([FIRST], '1 a', '2 b'), untilMs: Infinity }])).to.deep.equal([
      'first: 1 2; goes on from -1 at 0, until Infinity',
    ]);
  });

  it('have what a failover lost', () => {
    const former = log([FIRST], '1 a', '2 b', '3 c');
    const promoted = log([FIRST, ONE], '1 a', '2 b', '1000 d');
    const reigns = [
      { log: former, untilMs: 50 },
      { log: promoted, untilMs: Infinity },
    ];
    expect(told(reigns)).to.deep.equal([
      'first: 1 2 3; goes on from -1 at 0, until 50',
      'one: 1000; goes on from 0 at 2, until Infinity',
    ]);
  });

  it('have what only the copy has of the former epoch', () => {
    const reigns = [
      { log: log([FIRST], '1 a'), untilMs: 50 },
      { log: log([FIRST, ONE], '1 a', '2 b'), untilMs: Infinity },
    ];
    expect(told(reigns)[0]).to.equal('first: 1 2; goes on from -1 at 0, until 50');
  });

  it('part where two copies were promoted apart', () => {
    const reigns = [
      { log: log([FIRST], '1 a', '2 b'), untilMs: 50 },
      { log: log([FIRST, ONE], '1 a', '1000 c'), untilMs: 80 },
      { log: log([FIRST, OTHER], '1 a', '2 b', '2000 d'), untilMs: Infinity },
    ];
    expect(told(reigns)).to.deep.equal([
      'first: 1 2; goes on from -1 at 0, until 50',
      'one: 1000; goes on from 0 at 1, until 80',
      'other: 2000; goes on from 0 at 2, until Infinity',
    ]);
  });

  it('do not hide that one epoch has two contents', () => {
    const reigns = [
      { log: log([FIRST], '1 a', '2 b'), untilMs: 50 },
      { log: log([FIRST], '1 a', '2 z'), untilMs: Infinity },
    ];
    expect(told(reigns)).to.have.length(2);
  });
});
