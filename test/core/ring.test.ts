import { expect } from 'chai';
import fc from 'fast-check';
import { Ring } from '../../src/core/watch/ring.ts';
import type { LogEntry } from '../../src/model/event.ts';

const entry = (revision: number, keyLength: number): LogEntry => ({
  revision: BigInt(revision),
  batchId: `b${revision}`,
  events: [{ type: 'delete', key: 'k'.repeat(keyLength), revision: BigInt(revision) }],
});

describe('the ring', () => {
  it('holds the newest entries without a hole, within its bound, and knows from where', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 80 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 90 }), (keyLengths, asked) => {
        const ring = new Ring(5_000, 10n);
        for (const [at, length] of keyLengths.entries()) ring.push(entry(11 + at, length));
        const last = BigInt(10 + keyLengths.length);
        const held = ring.behind(ring.after).map(({ revision }) => revision);
        expect(held).to.deep.equal(
          Array.from({ length: Number(last - ring.after) }, (_, at) => ring.after + 1n + BigInt(at)),
        );
        const from = ring.after + BigInt(asked);
        expect(ring.behind(from).every(({ revision }) => revision > from)).to.equal(true);
        if (from <= last) expect(ring.behind(from)).to.have.length(Number(last - from));
      }),
    );
  });

  it('drops what does not fit', () => {
    const ring = new Ring(5_000, 0n);
    for (let revision = 1; revision <= 100; revision++) ring.push(entry(revision, 300));
    expect(ring.after > 90n).to.equal(true);
    ring.reset(200n);
    expect(ring.after).to.equal(200n);
    expect(ring.behind(200n)).to.have.length(0);
  });
});
