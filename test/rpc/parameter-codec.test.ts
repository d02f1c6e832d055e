import { expect } from 'chai';
import fc from 'fast-check';
import { Value } from '../../gen/parameter/v1/parameter.ts';
import { GetParameterResponse } from '../../gen/parameter/v1/parameter_service.ts';
import type { Parameter } from '../../src/model/parameter.ts';
import { kindOf, parameterCodec } from '../../src/rpc/parameter-codec.ts';
import { getResponse } from '../../src/rpc/responses/read-responses.ts';

const text = fc.string({ unit: 'binary', maxLength: 200 }).map((drawn) => drawn.toWellFormed());
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const nanos = fc.bigInt({ min: 0n, max: 10n ** 18n });
const micros = fc.bigInt({ min: 0n, max: 4n * 10n ** 15n });

const value = fc
  .oneof(
    text.map((drawn) => ({ $case: 'stringValue' as const, value: drawn })),
    int64.map((drawn) => ({ $case: 'intValue' as const, value: drawn })),
    fc.double().map((drawn) => ({ $case: 'doubleValue' as const, value: drawn })),
    fc.boolean().map((drawn) => ({ $case: 'boolValue' as const, value: drawn })),
    fc.uint8Array({ maxLength: 300 }).map((drawn) => ({ $case: 'bytesValue' as const, value: Buffer.from(drawn) })),
    fc.array(text, { maxLength: 5 }).map((drawn) => ({ $case: 'stringListValue' as const, value: { values: drawn } })),
  )
  .map((kind) => {
    const encoded = Value.encode({ kind }).finish();
    return { kind: kindOf(encoded), encoded };
  });

const parameter: fc.Arbitrary<Parameter> = fc.record({
  key: text,
  value: fc.option(value, { nil: undefined }),
  revision: int64,
  createRevision: int64,
  version: int64,
  createTimeUs: micros,
  updateTimeUs: micros,
  updatedBy: text,
  labels: fc.array(fc.tuple(fc.oneof(text, fc.constant('__proto__')), text)).map((entries) => new Map(entries)),
  cacheTtlNs: nanos,
});

describe('parameter codec', () => {
  it('encodes what the generated decoder reads as field 1', () => {
    fc.assert(
      fc.property(parameter, (drawn) => {
        const encoded = parameterCodec.encode(drawn);
        const { parameter: read } = GetParameterResponse.decode(encoded);
        expect(read?.key).to.equal(stripped(drawn.key));
        expect(read?.revision).to.equal(drawn.revision);
        expect(read?.version).to.equal(drawn.version);
        expect(read?.createTime?.seconds ?? 0n).to.equal(drawn.createTimeUs / 1_000_000n);
        expect(read?.createTime?.nanos ?? 0).to.equal(Number(drawn.createTimeUs % 1_000_000n) * 1000);
        expect(read?.cacheTtl?.nanos ?? 0).to.equal(Number(drawn.cacheTtlNs % 1_000_000_000n));
        expect(read?.labels.size).to.equal(new Set([...drawn.labels.keys()].map(stripped)).size);
        expect(read?.value && Value.encode(read.value).finish().length).to.equal(drawn.value && reencoded(drawn));
      }),
    );
  });

  it('decodes back exactly', () => {
    fc.assert(
      fc.property(parameter, (drawn) => {
        const read = parameterCodec.decode(parameterCodec.encode(drawn));
        expect({ ...read, value: undefined }).to.deep.equal({ ...drawn, value: undefined });
        expect(read.value?.kind).to.equal(drawn.value?.kind);
        expect(
          Buffer.compare(read.value?.encoded ?? Buffer.alloc(0), drawn.value?.encoded ?? Buffer.alloc(0)),
        ).to.equal(0);
      }),
    );
  });

  it('throws on other bytes, and on any flipped bit that it would not write itself', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(() => parameterCodec.decode(bytes)).to.throw();
      }),
    );
    fc.assert(
      fc.property(parameter, fc.nat(), fc.nat(7), (drawn, place, bit) => {
        const encoded = Buffer.from(parameterCodec.encode(drawn));
        encoded[place % encoded.length]! ^= 1 << bit;
        try {
          expect(Buffer.compare(parameterCodec.encode(parameterCodec.decode(encoded)), encoded)).to.equal(0);
        } catch (error) {
          expect(error).to.be.instanceOf(Error);
        }
      }),
    );
  });

  it('takes values of 1 MiB', () => {
    const encoded = Value.encode({ kind: { $case: 'stringValue', value: 'x'.repeat(1 << 20) } }).finish();
    const [drawn] = fc.sample(parameter, 1) as [Parameter];
    const large = { ...drawn, value: { kind: 'string_value' as const, encoded } };
    expect(parameterCodec.decode(parameterCodec.encode(large)).value?.encoded.length).to.equal(encoded.length);
  });
});

/** The generated decoder drops a byte order mark; ours does not. */
function stripped(drawn: string): string {
  return drawn.length > 64 || /[^\0-\x7f]/.test(drawn) ? drawn.replace(/^\ufeff/, '') : drawn;
}

function reencoded(drawn: Parameter): number {
  return Value.encode(Value.decode(drawn.value!.encoded)).finish().length;
}

describe('freshness', () => {
  it('is written as the generated decoder reads it, rounded up', () => {
    const tiers = ['near-cache', 'shared-cache', 'store'] as const;
    const bound = fc.option(fc.double({ min: 0, max: 1e11, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(
        int64,
        fc.constantFrom(...tiers),
        bound,
        fc.boolean(),
        (revision, servedFrom, stalenessBoundMs, degraded) => {
          const response = getResponse(Buffer.alloc(0), { revision, servedFrom, stalenessBoundMs, degraded });
          const { freshness } = GetParameterResponse.decode(response);
          expect(freshness).to.deep.include({ revision, servedFrom: tiers.indexOf(servedFrom) + 1, degraded });
          const read = freshness?.stalenessBound;
          expect(read === undefined).to.equal(stalenessBoundMs === undefined);
          if (read === undefined || stalenessBoundMs === undefined) return;
          const readMs = Number(read.seconds) * 1000 + read.nanos / 1e6;
          expect(readMs)
            .to.be.at.least(stalenessBoundMs * (1 - 1e-15))
            .and.at.most(stalenessBoundMs * (1 + 1e-15) + 2e-6);
        },
      ),
    );
  });

  it('has no bound where that is not finite', () => {
    const freshness = {
      revision: 1n,
      servedFrom: 'store' as const,
      stalenessBoundMs: Number.POSITIVE_INFINITY,
      degraded: true,
    };
    expect(GetParameterResponse.decode(getResponse(Buffer.alloc(0), freshness)).freshness?.stalenessBound).to.equal(
      undefined,
    );
  });
});
