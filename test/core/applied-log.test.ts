import { expect } from 'chai';
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import { Lease } from '../../src/core/cache/lease.ts';
import { History } from '../../src/core/history.ts';
import { AppliedLog, type PageFit } from '../../src/core/watch/applied-log.ts';
import type { Head } from '../../src/model/revision.ts';

const epoch = { number: 0n, id: 'e', startRevision: 1n, lostAfter: 0n, incarnation: 'i' };
const history = new History([epoch]);

function headAt(revision: bigint, batchId = `b${revision}`, compactRevision = 0n): Head {
  return { revision, batchId, compactRevision, epoch, incarnation: 'i' };
}

function pageOf(head: Head, batchIdAtAfter?: string) {
  return { head, batchIdAtAfter, entries: [] };
}

describe('what is applied', () => {
  const adopted = (head: Head) => {
    const log = new AppliedLog(new Lease(new VirtualClock()), []);
    log.adopt({ head, history, isLost: () => false }, true);
    return log;
  };
  const upTo5 = () => {
    const log = adopted(headAt(0n, ''));
    for (let revision = 1n; revision <= 5n; revision++) log.apply({ revision, batchId: `b${revision}`, events: [] });
    return log;
  };

  const cases: readonly [string, PageFit, Head, string?][] = [
    ['of the same batch there', 'follows', headAt(6n), 'b5'],
    ['of another batch there', 'parted', headAt(6n), 'other'],
    ['without anything there', 'parted', headAt(6n)],
    ['that ends there with the same batch', 'follows', headAt(5n)],
    ['that ends there with another batch', 'parted', headAt(5n, 'other')],
    ['that ends before it', 'parted', headAt(4n)],
    ['compacted up to there', 'follows', headAt(6n, 'b6', 5n)],
    ['compacted beyond it', 'behind', headAt(7n, 'b7', 6n)],
    ['compacted beyond it, and the same batch still there', 'behind', headAt(7n, 'b7', 6n), 'b5'],
    ['compacted beyond it, and another batch still there', 'parted', headAt(7n, 'b7', 6n), 'other'],
  ];
  for (const [what, fit, head, batchIdAtAfter] of cases) {
    it(`C9: ${fit}: a page of a log ${what}`, () => {
      const log = upTo5();
      expect(log.fits(log.ask(), pageOf(head, batchIdAtAfter))).to.equal(fit);
    });
  }

  it('is not judged by a page that was asked for before it began anew', () => {
    const log = upTo5();
    const asked = log.ask();
    log.rebase(headAt(5n));
    expect(log.fits(asked, pageOf(headAt(6n), 'other'))).to.equal('outdated');
  });

  it('that begins in the middle learns its batch from the first page', () => {
    const log = adopted(headAt(20_000n));
    expect(log.expected).to.include({ applied: 10_000n, batchIdAtApplied: '' });
    expect(log.fits(log.ask(), pageOf(headAt(20_000n), 'b10000'))).to.equal('follows');
    expect(log.expected.batchIdAtApplied).to.equal('b10000');
    expect(log.fits(log.ask(), pageOf(headAt(20_000n), 'other'))).to.equal('parted');
  });
});
