import { expect } from 'chai';
import fc from 'fast-check';
import { prefixSuccessor } from '../../../src/adapters/postgres/prefix-successor.ts';

const text = fc.string({ unit: 'binary', maxLength: 5 });
const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('the successor of a prefix', () => {
  it('goes by code point and skips surrogates', () => {
    const cases = { a: 'b', ÿ: 'Ā', '\ud7ff': '\ue000', '\uffff': '\u{10000}', 'a\u{10ffff}': 'b', '😀': '😁' };
    for (const [prefix, next] of Object.entries(cases)) expect(prefixSuccessor(prefix), prefix).to.equal(next);
    expect(prefixSuccessor('')).to.equal(undefined);
    expect(prefixSuccessor('\u{10ffff}\u{10ffff}')).to.equal(undefined);
  });

  it('is behind all that begins with it, and behind nothing else that is not', () => {
    fc.assert(
      fc.property(text, text, (prefix, key) => {
        const next = prefixSuccessor(prefix);
        const within = compare(key, prefix) >= 0 && (next === undefined || compare(key, next) < 0);
        expect(within).to.equal(
          key.startsWith(prefix) && Buffer.from(key).subarray(0, Buffer.byteLength(prefix)).equals(Buffer.from(prefix)),
        );
      }),
    );
    fc.assert(
      fc.property(text, text, (prefix, rest) => {
        const next = prefixSuccessor(prefix);
        expect(next === undefined || compare(prefix + rest, next) < 0).to.equal(true);
      }),
    );
  });
});
