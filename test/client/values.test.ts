import { expect } from 'chai';
import fc from 'fast-check';
import { Value } from '../../gen/parameter/v1/parameter.ts';
import { durationOfMs, formatDuration, parseDuration } from '../../src/client/duration.ts';
import { formatValue, guessKind, parseValue } from '../../src/client/value-text.ts';
import { apiNameOf, fromValue, KINDS, kindNamed, kindOf, type NativeValue, toValue } from '../../src/client/values.ts';

const durationNs = fc.bigInt({ min: -315_576_000_000_000_000_000n, max: 315_576_000_000_000_000_000n });
const native: fc.Arbitrary<NativeValue> = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.array(fc.string({ unit: 'grapheme' })),
  fc.json().map((json) => ({ json })),
  durationNs.map((ns) => ({ durationNs: ns })),
);

describe('values', () => {
  it('come back from the wire and from text as they were', () => {
    fc.assert(
      fc.property(native, (given) => {
        const value = toValue(given);
        const wire = Value.decode(Value.encode(value).finish());
        expect(fromValue(wire)).to.deep.equal(given);
        expect(fromValue(parseValue(kindOf(value), formatValue(value)))).to.deep.equal(given);
      }),
    );
  });

  it('are written in one way', () => {
    const texts = [9007199254740993n, -0, 1e21, true, Buffer.from('é'), ['a', '"'], { durationNs: 1_500_000_000n }];
    expect(texts.map((each) => formatValue(toValue(each)))).to.deep.equal([
      '9007199254740993',
      '-0',
      '1e+21',
      'true',
      'w6k=',
      '["a","\\""]',
      '1.500s',
    ]);
  });

  it('refuse what cannot be stored exactly', () => {
    expect(() => toValue(2n ** 63n)).to.throw(RangeError);
    expect(() => toValue(Number.NaN)).to.throw(RangeError);
    expect(() => toValue('\ud800')).to.throw(TypeError);
    expect(() => toValue(['\ud800'])).to.throw(TypeError);
    expect(() => fromValue({ kind: undefined })).to.throw(TypeError);
    expect(() => formatValue(undefined)).to.throw(TypeError);
    const bad = [
      ['int', '1.5'],
      ['int', ''],
      ['int', '9223372036854775808'],
      ['double', 'NaN'],
      ['double', '1e999'],
      ['double', '0x10'],
      ['bool', 'yes'],
      ['bytes', '*'],
      ['json', '{'],
      ['duration', '5'],
      ['duration', '1.0000000001s'],
      ['duration', '400000000000s'],
      ['list', '["a",1]'],
      ['list', 'a,b'],
    ] as const;
    for (const [kind, text] of bad) expect(() => parseValue(kind, text), `${kind} ${text}`).to.throw(Error);
  });

  it('are guessed by canonical form', () => {
    for (const text of ['0', '7', '-1', '9223372036854775807', '-9223372036854775808']) {
      expect(guessKind(text), text).to.equal('int');
    }
    for (const text of ['', '007', '-0', '+1', '1.5', '1e3', ' 1', '1\n', '9223372036854775808', 'True', '{}']) {
      expect(guessKind(text), text).to.equal('string');
    }
    expect(guessKind('true')).to.equal('bool');
  });

  it('have kinds that the API spells in its own way', () => {
    expect(KINDS.map(apiNameOf)).to.include.members(['int_value', 'string_list_value']);
    for (const kind of KINDS) expect(kindNamed(apiNameOf(kind))).to.equal(kind);
    expect(kindNamed('decimal_value')).to.equal(undefined);
  });
});

describe('durations', () => {
  it('come back from text to the nanosecond', () => {
    fc.assert(
      fc.property(durationNs, (ns) => {
        expect(parseDuration(formatValue(toValue({ durationNs: ns })))).to.equal(ns);
      }),
    );
  });

  it('are read with units and written in seconds', () => {
    const texts = {
      '1h30m': '5400s',
      '250ms': '0.250s',
      '1.5s': '1.500s',
      '-2m': '-120s',
      '1us': '0.000001s',
      '1d': '86400s',
    };
    for (const [text, written] of Object.entries(texts)) {
      expect(formatValue(parseValue('duration', text)), text).to.equal(written);
    }
    expect(formatDuration(durationOfMs(0.5))).to.equal('0.000500s');
  });
});
