import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  BatchGetParametersRequest,
  CommitRequest,
  DeleteParameterRequest,
  GetParameterRequest,
  ListParametersRequest,
  SetParameterRequest,
  WatchRequest,
} from '../../gen/parameter/v1/parameter_service.ts';
import { type Failure, ParamdError } from '../../src/model/errors.ts';
import type { Write } from '../../src/model/write.ts';
import { pageTokens } from '../../src/rpc/page-tokens.ts';
import {
  batchGetRequestOf,
  getRequestOf,
  listRequestOf,
  warmRequestOf,
  watchSpecOf,
} from '../../src/rpc/requests/read-requests.ts';
import { commitWriteOf, deleteWriteOf, setWriteOf } from '../../src/rpc/requests/write-requests.ts';

const CALLER = { principal: '', actor: '' };
const tokens = pageTokens(Buffer.alloc(32));

describe('validation', () => {
  describe('of keys', () => {
    const good = ['a', 'x'.repeat(512), 'ä', '日本', 'a b', '__proto__', "'; DROP TABLE x", '%_', '\u{10ffff}', '~'];
    const bad = ['', 'x'.repeat(513), '日'.repeat(171), 'a\nb', '\u007f', '\u0085', 'a\u0308', 'x\ufffd', '\0'];
    for (const key of good) it(`takes ${label(key)}`, () => expect(getRequestOf(get(key)).key).to.equal(key));
    for (const key of bad)
      it(`refuses ${label(key)}`, () => expect(fields(() => getRequestOf(get(key)))).to.deep.equal(['key']));

    it('reads short requests and long ones alike', () => {
      fc.assert(
        fc.property(fc.string({ minLength: 1, maxLength: 200 }), (key) => {
          expect(getRequestOf(get(key)).key).to.equal(key);
        }),
      );
    });

    it('does not take invalid UTF-8 for another text', () => {
      const request = new BinaryWriter().uint32(10).bytes(Uint8Array.of(0x61, 0xff)).finish();
      const error = failureOf(() => getRequestOf(Buffer.from(request)));
      expect(error).to.deep.include({ reason: 'INVALID_FIELD' });
      expect(fields(() => getRequestOf(Buffer.from(request)))).to.include('key');
    });
  });

  describe('of values', () => {
    type Kind = NonNullable<SetParameterRequest['value']>['kind'];
    const setting = (kind: Kind) => () => setWriteOf(set({ value: { kind } }), CALLER);
    const good: Kind[] = [
      { $case: 'stringValue', value: '' },
      { $case: 'stringValue', value: '\ufffd\0' },
      { $case: 'intValue', value: -(2n ** 63n) },
      { $case: 'doubleValue', value: -0 },
      { $case: 'bytesValue', value: Buffer.alloc(1 << 20) },
      { $case: 'jsonValue', value: `${'['.repeat(64)}${']'.repeat(64)}` },
      { $case: 'jsonValue', value: ' {"[[":"\\"]","a":1e999} ' },
      { $case: 'durationValue', value: { seconds: -1n, nanos: -5 } },
      { $case: 'stringListValue', value: { values: [] } },
      { $case: 'stringListValue', value: { values: Array.from({ length: 10_000 }, () => '') } },
    ];
    for (const kind of good) it(`takes ${label(kind)}`, () => expect(setting(kind)).not.to.throw());

    const bad: [Kind, string][] = [
      [undefined, 'value'],
      [{ $case: 'doubleValue', value: Number.NaN }, 'value.double_value'],
      [{ $case: 'doubleValue', value: Number.POSITIVE_INFINITY }, 'value.double_value'],
      [{ $case: 'jsonValue', value: '' }, 'value.json_value'],
      [{ $case: 'jsonValue', value: "{'a':1}" }, 'value.json_value'],
      [{ $case: 'jsonValue', value: '\ufeff1' }, 'value.json_value'],
      [{ $case: 'jsonValue', value: `${'['.repeat(65)}${']'.repeat(65)}` }, 'value.json_value'],
      [{ $case: 'jsonValue', value: '['.repeat(1_000_000) }, 'value.json_value'],
      [{ $case: 'durationValue', value: { seconds: 1n, nanos: -5 } }, 'value.duration_value'],
      [{ $case: 'durationValue', value: { seconds: 315_576_000_001n, nanos: 0 } }, 'value.duration_value'],
      [{ $case: 'durationValue', value: { seconds: 0n, nanos: 1_000_000_000 } }, 'value.duration_value'],
    ];
    for (const [kind, field] of bad) {
      it(`refuses ${label(kind)}`, () => expect(fields(setting(kind))).to.deep.equal([field]));
    }

    const large: [Kind, string, number][] = [
      [{ $case: 'stringValue', value: 'x'.repeat((1 << 20) + 1) }, 'value_bytes', 1 << 20],
      [{ $case: 'stringListValue', value: { values: ['x'.repeat(1 << 20)] } }, 'value_bytes', 1 << 20],
      [
        { $case: 'stringListValue', value: { values: Array.from({ length: 10_001 }, () => '') } },
        'string_list_values',
        10_000,
      ],
    ];
    for (const [kind, limit, maximum] of large) {
      it(`finds ${label(kind)} too large`, () =>
        expect(failureOf(setting(kind))).to.deep.include({ reason: 'LIMIT_EXCEEDED', limit, maximum }));
    }

    it('keeps JSON and a byte order mark byte for byte', () => {
      const text = '\ufeff a';
      const write = setWriteOf(set({ value: { kind: { $case: 'stringValue', value: text } } }), CALLER);
      const [operation] = write.operations;
      expect(
        operation?.type === 'set' &&
          Buffer.from(operation.value?.encoded ?? [])
            .subarray(2)
            .toString(),
      ).to.equal(text);
    });

    it('does not store invalid UTF-8 as another text', () => {
      const value = new BinaryWriter().uint32(10).bytes(Uint8Array.of(0xc3, 0x28)).finish();
      const request = new BinaryWriter().uint32(10).string('k').uint32(18).bytes(value).finish();
      expect(fields(() => setWriteOf(Buffer.from(request), CALLER))).to.deep.equal(['value.string_value']);
    });
  });

  it('tells all violations of a request together', () => {
    const request = set({
      key: '',
      value: { kind: { $case: 'doubleValue', value: Number.NaN } },
      cacheTtl: { seconds: 0n, nanos: 999_999_999 },
      labels: new Map([['x'.repeat(64), 'y'.repeat(257)]]),
      removeLabels: ['ok', ''],
      ifRevision: -1n,
      requestId: 'ü',
    });
    expect(fields(() => setWriteOf(request, CALLER)).sort()).to.deep.equal([
      'cache_ttl',
      'if_revision',
      'key',
      'labels',
      'labels',
      'remove_labels[1]',
      'request_id',
      'value.double_value',
    ]);
  });

  it('wants something to be set', () => {
    expect(fields(() => setWriteOf(set({ value: undefined }), CALLER))).to.deep.equal(['value']);
    expect(() => setWriteOf(set({ value: undefined, removeLabels: ['*'] }), CALLER)).not.to.throw();
  });

  it('bounds labels in number', () => {
    const labels = new Map(Array.from({ length: 65 }, (_, index) => [`l${index}`, ''] as const));
    expect(failureOf(() => setWriteOf(set({ labels }), CALLER))).to.deep.include({ limit: 'labels', maximum: 64 });
  });

  it('takes no if_revision of 0 for a delete', () => {
    const request = (ifRevision: bigint) =>
      encode(DeleteParameterRequest, { key: 'k', ifRevision, allowMissing: false, requestId: '', validateOnly: false });
    expect(fields(() => deleteWriteOf(request(0n), CALLER))).to.deep.equal(['if_revision']);
    expect(deleteWriteOf(request(3n), CALLER).operations[0]).to.have.property('ifRevision', 3n);
  });

  describe('of commits', () => {
    const del = (key: string) => ({
      operation: { $case: 'delete' as const, value: { key, allowMissing: false } },
    });
    const commit = (over: Partial<CommitRequest>) => () =>
      commitWriteOf(
        encode(CommitRequest, { conditions: [], operations: [del('a')], requestId: '', validateOnly: false, ...over }),
        CALLER,
      );

    it('names fields by their path', () => {
      const operation = { key: '', cacheTtl: undefined, labels: new Map(), removeLabels: [], allowKindChange: false };
      const value = { kind: { $case: 'doubleValue' as const, value: Number.NaN } };
      const operations = [
        del('a'),
        { operation: undefined },
        { operation: { $case: 'set' as const, value: { ...operation, value } } },
      ];
      expect(fields(commit({ operations, conditions: [{ key: 'c' }] })).sort()).to.deep.equal([
        'conditions[0].if_revision',
        'operations[1]',
        'operations[2].set.key',
        'operations[2].set.value.double_value',
      ]);
    });

    it('takes no key twice', () => {
      expect(fields(commit({ operations: [del('a'), del('b'), del('a')] }))).to.deep.equal([
        'operations[2].delete.key',
      ]);
    });

    it('takes 1 to 300 operations, and at most 300 conditions', () => {
      const many = Array.from({ length: 301 }, (_, index) => del(`k${index}`));
      expect(commit({ operations: many.slice(1) })).not.to.throw();
      expect(failureOf(commit({ operations: many }))).to.deep.include({ limit: 'operations', maximum: 300 });
      expect(fields(commit({ operations: [] }))).to.deep.equal(['operations']);
      const conditions = many.map((_, index) => ({ key: `k${index}`, ifRevision: 1n }));
      expect(failureOf(commit({ conditions }))).to.deep.include({ limit: 'conditions', maximum: 300 });
    });
  });

  describe('of reads', () => {
    const batch = (keys: string[]) => () =>
      batchGetRequestOf(encode(BatchGetParametersRequest, { keys, consistency: undefined }));
    const watch = (over: Partial<WatchRequest>) => () => watchSpecOf(encode(WatchRequest, { ...WATCH, ...over }));

    it('bounds the distinct keys of a batch', () => {
      const keys = Array.from({ length: 1001 }, (_, index) => `k${index}`);
      expect(failureOf(batch(keys))).to.deep.include({ reason: 'LIMIT_EXCEEDED', limit: 'keys', maximum: 1000 });
      expect(batch([...keys.slice(1), ...keys.slice(1)])().keys).to.have.length(1000);
      expect(batch([])().keys).to.have.length(0);
      expect(fields(batch(['a', '']))).to.deep.equal(['keys[1]']);
    });

    it('demands sensible consistency', () => {
      const consistency = { maxStaleness: { seconds: 0n, nanos: 0 }, atLeastRevision: -1n, linearizable: false };
      const request = encode(GetParameterRequest, { key: 'k', consistency });
      expect(fields(() => getRequestOf(request)).sort()).to.deep.equal([
        'consistency.at_least_revision',
        'consistency.max_staleness',
      ]);
    });

    it('bounds pages', () => {
      const list = { prefix: '', consistency: undefined, pageSize: -1, pageToken: '', keysOnly: false };
      expect(fields(() => listRequestOf(encode(ListParametersRequest, list), tokens))).to.deep.equal(['page_size']);
      expect(listRequestOf(encode(ListParametersRequest, { ...list, pageSize: 9999 }), tokens).limit).to.equal(1000);
    });

    it('bounds watches', () => {
      const prefixes = Array.from({ length: 101 }, (_, index) => `p${index}`);
      expect(failureOf(watch({ prefixes }))).to.deep.include({ limit: 'watch_filters', maximum: 100 });
      expect(fields(watch({ keys: [], prefixes: [] }))).to.deep.equal(['keys']);
      expect(fields(watch({ startRevision: -1n }))).to.deep.equal(['start_revision']);
      for (const nanos of [99_999_999, -1]) {
        expect(fields(watch({ progressInterval: { seconds: 0n, nanos } }))).to.deep.equal(['progress_interval']);
      }
      expect(watch({})()).to.have.property('progressIntervalMs', 10_000);
      expect(watch({ progressInterval: { seconds: 600n, nanos: 0 } })()).to.have.property(
        'progressIntervalMs',
        600_000,
      );
    });
  });

  describe('of unknown fields', () => {
    const unknown = (writer: BinaryWriter) => writer.uint32((99 << 3) | 2).string('new');
    const nested = (tag: number) =>
      new BinaryWriter().uint32(10).string('k').uint32(tag).bytes(unknown(new BinaryWriter()).finish());

    it('refuses them in writes, at every level', () => {
      for (const writer of [unknown(new BinaryWriter().uint32(10).string('k')), nested(18), nested(26), nested(34)]) {
        expect(failureOf(() => setWriteOf(Buffer.from(writer.finish()), CALLER))).to.deep.include({
          reason: 'UNKNOWN_FIELD',
          fieldNumber: 99,
        });
      }
    });

    it('refuses a kind of value newer than this server', () => {
      const value = new BinaryWriter()
        .uint32((9 << 3) | 2)
        .string('x')
        .finish();
      const request = new BinaryWriter().uint32(10).string('k').uint32(18).bytes(value).finish();
      const error = failureOf(() => setWriteOf(Buffer.from(request), CALLER));
      expect(error).to.deep.include({ reason: 'UNKNOWN_FIELD', fieldNumber: 9, path: 'value' });
    });

    it('ignores them in reads, but for what a read demands', () => {
      const request = unknown(new BinaryWriter().uint32(10).string('k')).finish();
      expect(getRequestOf(Buffer.from(request)).key).to.equal('k');
      const error = failureOf(() => getRequestOf(Buffer.from(nested(18).finish())));
      expect(error).to.deep.include({ reason: 'UNKNOWN_FIELD', path: 'consistency' });
    });
  });

  it('takes any bytes without anything but a ParamdError, and nothing malformed (C15)', () => {
    const parsers = [
      (bytes: Buffer) => getRequestOf(bytes),
      (bytes: Buffer) => batchGetRequestOf(bytes),
      (bytes: Buffer) => listRequestOf(bytes, tokens),
      (bytes: Buffer) => watchSpecOf(bytes),
      (bytes: Buffer) => warmRequestOf(bytes),
      (bytes: Buffer) => setWriteOf(bytes, CALLER),
      (bytes: Buffer) => deleteWriteOf(bytes, CALLER),
      (bytes: Buffer) => commitWriteOf(bytes, CALLER),
    ];
    const good = set({ labels: new Map([['a', 'b']]), cacheTtl: { seconds: 5n, nanos: 0 } });
    const mutated = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([place, byte]) => {
      const bytes = Buffer.from(good);
      bytes[place] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), mutated), (bytes) => {
        for (const parse of parsers) {
          try {
            parse(Buffer.from(bytes));
          } catch (error) {
            expect(error).to.be.instanceOf(ParamdError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('stops at lengths that do not nest', () => {
    const inner = Uint8Array.of(0x0a, 0x7f);
    const request = new BinaryWriter().uint32(10).string('k').uint32(18).bytes(inner).finish();
    expect(fields(() => setWriteOf(Buffer.concat([request, Buffer.alloc(200)]), CALLER))).to.deep.equal(['']);
  });

  it('does not turn small bytes into large memory', () => {
    const tiny = Buffer.alloc(4 << 20);
    for (let at = 0; at < tiny.length; at += 2) tiny.set([0x12, 0], at);
    expect(failureOf(() => commitWriteOf(tiny, CALLER))).to.deep.include({ reason: 'LIMIT_EXCEEDED' });
    for (let at = 0; at < tiny.length; at += 2) tiny.set([0x78, 0], at);
    expect(failureOf(() => getRequestOf(tiny))).to.deep.include({ reason: 'LIMIT_EXCEEDED' });
  });

  describe('content hash', () => {
    const hash = (over: Partial<SetParameterRequest>) => {
      const write: Write = setWriteOf(set({ requestId: 'r', ...over }), CALLER);
      return Buffer.from(write.contentHash).toString('hex');
    };

    it('does not see the order of labels, nor the request id', () => {
      const labels = [
        ['a', '1'],
        ['b', '2'],
      ] as const;
      const one = hash({ labels: new Map(labels) });
      expect(hash({ labels: new Map([...labels].reverse()), requestId: 'other' })).to.equal(one);
    });

    it('sees everything else', () => {
      const hashes = [
        {},
        { key: 'other' },
        { value: { kind: { $case: 'stringValue' as const, value: '5' } } },
        { cacheTtl: { seconds: 5n, nanos: 0 } },
        { labels: new Map([['a', 'b']]) },
        { labels: new Map([['ab', '']]) },
        { removeLabels: ['a'] },
        { ifRevision: 0n },
        { ifRevision: 1n },
        { validateOnly: true },
        { allowKindChange: true },
      ].map(hash);
      expect(new Set(hashes).size).to.equal(hashes.length);
    });
  });
});

const WATCH: WatchRequest = {
  keys: ['k'],
  prefixes: [],
  startRevision: 0n,
  sendInitial: false,
  includePrevious: false,
  progressInterval: undefined,
};

function encode<T>(type: { encode(message: T): BinaryWriter }, message: T): Buffer {
  return Buffer.from(type.encode(message).finish());
}

function get(key: string): Buffer {
  return encode(GetParameterRequest, { key, consistency: undefined });
}

function set(over: Partial<SetParameterRequest>): Buffer {
  return encode(SetParameterRequest, {
    key: 'k',
    value: { kind: { $case: 'intValue', value: 5n } },
    cacheTtl: undefined,
    labels: new Map(),
    removeLabels: [],
    requestId: '',
    validateOnly: false,
    allowKindChange: false,
    ...over,
  });
}

function failureOf(run: () => unknown): Failure {
  try {
    run();
  } catch (error) {
    if (error instanceof ParamdError) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}

function fields(run: () => unknown): string[] {
  const failure = failureOf(run);
  if (failure.reason !== 'INVALID_FIELD') throw new Error(`it failed with ${failure.reason}`);
  return failure.violations.map(({ field }) => field);
}

function label(drawn: unknown): string {
  const text = JSON.stringify(drawn, (_, part) => (typeof part === 'bigint' ? `${part}n` : part)) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}… (${text.length})` : text;
}
