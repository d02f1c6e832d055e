import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import type {
  CommitOperation,
  NativeValue,
  ParamdClient,
  ParamdRpcError,
  Value,
  WatchSelection,
} from '../../src/client/index.ts';
import type { ContractSubject } from './contract-subject.ts';

/** One call that fails, on a store where `a` was set at 1, `b` (an int) at 2 and 4, `c` at 3 and deleted at 5. */
export interface Failing {
  readonly name: string;
  readonly call: (client: ParamdClient, subject: ContractSubject) => Promise<unknown>;
  readonly code: number;
  readonly reason?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Of BadRequest. */
  readonly fields?: readonly string[];
  /** Subjects of PreconditionFailure. */
  readonly subjects?: readonly string[];
}

export async function prepare({ client }: ContractSubject): Promise<void> {
  await client.set('a', 'A');
  await client.set('b', 1n);
  await client.set('c', true);
  await client.set('b', 2n);
  await client.delete('c');
}

export const FAILING: readonly Failing[] = [
  ...invalid('get', (client) => client.get(''), 'key'),
  ...invalid('get with a control character', (client) => client.get('a\n'), 'key'),
  ...invalid('get in NFD', (client) => client.get('e\u0301'), 'key'),
  ...invalid('get beyond 512 bytes', (client) => client.get('é'.repeat(257)), 'key'),
  ...invalid('get of half a surrogate pair', (client) => client.get('\ud800'), 'key'),
  ...invalid('get at least -1', (client) => client.get('a', { atLeastRevision: -1n }), 'consistency.at_least_revision'),
  ...invalid('get within no time', (client) => client.get('a', { maxStalenessMs: 0 }), 'consistency.max_staleness'),
  ...invalid(
    'all at once',
    (client) => client.get('', { maxStalenessMs: -1, atLeastRevision: -1n }),
    'key',
    'consistency.at_least_revision',
    'consistency.max_staleness',
  ),
  ...invalid('getMany', (client) => client.getMany(['a', '', 'b\u0000']), 'keys[1]', 'keys[2]'),
  ...invalid('list', (client) => firstOf(client.list('\t', { pageSize: -1 })), 'prefix', 'page_size'),
  ...invalid('watch of nothing', (client) => firstOf(client.watch({})), 'keys'),
  ...invalid(
    'watch',
    (client) => watched(client, -1n, { keys: [''], prefixes: ['', '\r'] }, 99),
    'keys[0]',
    'prefixes[1]',
    'start_revision',
    'progress_interval',
  ),
  ...invalid(
    'warm',
    (client) => firstOf(client.warm('\u0007', { keysPerSecondMax: -1 })),
    'prefix',
    'max_keys_per_second',
  ),
  ...invalid('set of nothing', (client) => client.set('a', undefined), 'value'),
  ...invalid(
    'set without value where there is none',
    (client) => client.set('x', undefined, { cacheTtlMs: 1000 }),
    'value',
  ),
  ...invalid('set of a value without kind', (client) => client.set('x', { kind: undefined }), 'value'),
  ...invalid(
    'set',
    (client) => client.set('', 'v', { ifRevision: -1n, cacheTtlMs: 1, requestId: 'é' }),
    'if_revision',
    'key',
    'cache_ttl',
    'request_id',
  ),
  ...invalid(
    'set with labels',
    (client) =>
      client.set('a', 'v', {
        labels: new Map([
          ['', 'x'],
          ['k'.repeat(64), 'x'],
          ['a\n', 'x'],
          ['b', 'x'.repeat(257)],
          ['c', '\u007f'],
        ]),
        removeLabels: ['', 'r'.repeat(64)],
      }),
    'labels',
    'labels',
    'labels',
    'labels',
    'labels',
    'remove_labels[0]',
    'remove_labels[1]',
  ),
  ...invalid('cache TTL of 31 days', (client) => client.set('a', 'v', { cacheTtlMs: 31 * 86_400_000 }), 'cache_ttl'),
  ...invalid('no JSON', (client) => client.set('x', { json: '{a}' }), 'value.json_value'),
  ...invalid('deep JSON', (client) => client.set('x', { json: `${'['.repeat(65)}"]\\"["` }), 'value.json_value'),
  ...invalid('not finite', (client) => client.set('x', raw('doubleValue', Number.NaN)), 'value.double_value'),
  ...invalid(
    'odd duration',
    (client) => client.set('x', raw('durationValue', { seconds: 1n, nanos: -1 })),
    'value.duration_value',
  ),
  ...invalid('long request id', (client) => client.delete('a', { requestId: 'x'.repeat(65) }), 'request_id'),
  ...invalid('delete at 0', (client) => client.delete('\u0085', { ifRevision: 0n }), 'key', 'if_revision'),
  ...invalid('commit of nothing', (client) => client.commit([]), 'operations'),
  ...invalid(
    'commit',
    (client) =>
      client.commit(
        [
          { set: 'a' },
          { delete: '' },
          { set: 'k', value: { json: '' } },
          { delete: 'k' },
          { set: 'a', value: 1n, cacheTtlMs: 1 },
        ],
        { conditions: [{ key: '', ifRevision: -1n }], requestId: '\n' },
      ),
    'conditions[0].key',
    'conditions[0].if_revision',
    'operations[0].set.value',
    'operations[1].delete.key',
    'operations[2].set.value.json_value',
    'operations[4].set.cache_ttl',
    'operations[3].delete.key',
    'operations[4].set.key',
    'request_id',
  ),
  ...invalid(
    'commit of a value that is required',
    (client) => client.commit([{ delete: 'a' }, { set: 'x', cacheTtlMs: 1000 }]),
    'operations[1].set.value',
  ),

  {
    name: 'delete of nothing',
    call: (client) => client.delete('x'),
    code: status.NOT_FOUND,
    reason: 'PARAMETER_NOT_FOUND',
    metadata: { key: 'x' },
  },
  {
    name: 'set where it exists',
    call: (client) => client.set('b', 'v', { ifRevision: 0n }),
    code: status.ALREADY_EXISTS,
    reason: 'PARAMETER_EXISTS',
    metadata: { key: 'b', currentRevision: '4' },
  },
  ...mismatch('set of another revision', (client) => client.set('b', 'v', { ifRevision: 2n }), { b: '4' }),
  ...mismatch('set of what is gone', (client) => client.set('c', true, { ifRevision: 3n }), { c: '0' }),
  ...mismatch('delete of what is gone', (client) => client.delete('c', { ifRevision: 3n, allowMissing: true }), {
    c: '0',
  }),
  ...mismatch(
    'commit',
    (client) =>
      client.commit([{ delete: 'x' }], {
        conditions: [
          { key: 'b', ifRevision: 2n },
          { key: 'a', ifRevision: 1n },
          { key: 'c', ifRevision: 5n },
          { key: 'a', ifRevision: 0n },
        ],
      }),
    { b: '4', c: '0', a: '1' },
  ),
  {
    name: 'another kind',
    call: (client) => client.set('b', 'v'),
    code: status.FAILED_PRECONDITION,
    reason: 'KIND_MISMATCH',
    metadata: { key: 'b', currentKind: 'int_value' },
  },
  {
    name: 'another kind in a commit',
    call: (client) =>
      client.commit([
        { set: 'x', value: 1n },
        { set: 'a', value: ['A'] },
      ]),
    code: status.FAILED_PRECONDITION,
    reason: 'KIND_MISMATCH',
    metadata: { key: 'a', currentKind: 'string_value' },
  },
  {
    name: 'request id of another request',
    call: reuse,
    code: status.FAILED_PRECONDITION,
    reason: 'REQUEST_ID_REUSED',
    metadata: {},
  },
  ...lost('get beyond the head', (client) => client.get('a', { atLeastRevision: 6n })),
  ...lost('getMany beyond the head', (client) => client.getMany(['a'], { atLeastRevision: 1000n })),
  ...lost('getMany of nothing beyond the head', (client) =>
    client.getMany([], { atLeastRevision: 6n, linearizable: true }),
  ),
  ...lost('list beyond the head', (client) => firstOf(client.list('', { atLeastRevision: 6n }))),
  ...lost('watch beyond the head', (client) => watched(client, 7n)),

  ...exceeded('keys', '1000', (client) => client.getMany(keys(1001))),
  ...exceeded('watch_filters', '100', (client) => firstOf(client.watch({ keys: keys(60), prefixes: keys(41) }))),
  ...exceeded('value_bytes', '1048576', (client) => client.set('x', 'x'.repeat((1 << 20) + 1))),
  ...exceeded('value_bytes', '1048576', (client) =>
    client.set(
      'x',
      Array.from({ length: 1025 }, () => 'x'.repeat(1022)),
    ),
  ),
  ...exceeded('string_list_values', '10000', (client) => client.set('x', keys(10_001))),
  ...exceeded('labels', '64', (client) => client.set('', 'v', { labels: labels(65, 'a') })),
  ...exceeded('labels', '64', async (client) => {
    await client.set('x', 'v', { labels: labels(64, 'a') });
    await client.set('x', 'v', { labels: labels(1, 'b') });
  }),
  ...exceeded('remove_labels', '64', (client) => client.set('a', 'v', { removeLabels: keys(65) })),
  ...exceeded('operations', '300', (client) => client.commit(keys(301).map((key) => ({ delete: key })))),
  ...exceeded('conditions', '300', (client) =>
    client.commit([{ delete: '' }], { conditions: keys(301).map((key) => ({ key, ifRevision: 0n })) }),
  ),
  ...exceeded('commit_bytes', '3145728', async (client) => {
    await client.commit(largeSets());
    await client.commit(largeSets());
  }),
  ...exceeded('response_bytes', '4128768', async (client) => {
    for (const key of keys(4)) await client.set(key, Buffer.alloc(1 << 20));
    await client.getMany(keys(4));
  }),

  {
    name: 'a list behind which history is compacted',
    call: async (client, subject) => {
      for await (const { freshness } of client.list('', { pageSize: 1 })) {
        expect(freshness?.revision).to.equal(5n);
        await client.set('a', 'later');
        await subject.compact();
      }
    },
    code: status.OUT_OF_RANGE,
    reason: 'REVISION_COMPACTED',
    metadata: { oldestRevision: '6' },
  },
  {
    name: 'a request larger than 4 MiB',
    call: (client) => client.commit(keys(5).map((set) => ({ set, value: Buffer.alloc(1 << 20) }))),
    code: status.RESOURCE_EXHAUSTED,
  },
  { name: 'health of an unknown service', call: (client) => client.health('x'), code: status.NOT_FOUND },
  {
    name: 'a revision beyond 64 bits',
    call: (client) => client.get('a', { atLeastRevision: 2n ** 64n }),
    code: status.INTERNAL,
  },
  {
    name: 'a page size that is no integer',
    call: (client) => firstOf(client.list('', { pageSize: 1.5 })),
    code: status.INTERNAL,
  },
];

/** Failing calls on the same store once all history is compacted. */
export const FAILING_COMPACTED: readonly Failing[] = [
  {
    name: 'watch of what is compacted',
    call: (client) => watched(client, 5n),
    code: status.OUT_OF_RANGE,
    reason: 'REVISION_COMPACTED',
    metadata: { oldestRevision: '6' },
  },
  ...lost('watch beyond the head of what is compacted', (client) => watched(client, 7n)),
];

export function expectFailure({ code, reason, metadata, fields, subjects }: Failing, error: ParamdRpcError): void {
  expect({ code: error.code, reason: error.reason }).to.deep.equal({ code, reason });
  if (metadata !== undefined) expect(Object.fromEntries(error.metadata)).to.deep.equal(metadata);
  const { badRequest, preconditionFailure } = error.details;
  expect(badRequest?.fieldViolations.map(({ field }) => field)).to.deep.equal(fields);
  expect(preconditionFailure?.violations.map(({ subject }) => subject)).to.deep.equal(subjects);
  expect(error.retryAfterMs).to.equal(undefined);
}

type Call = Failing['call'];

function invalid(name: string, call: Call, ...fields: string[]): Failing[] {
  return [{ name, call, code: status.INVALID_ARGUMENT, reason: 'INVALID_FIELD', metadata: {}, fields }];
}

function mismatch(name: string, call: Call, revisions: Readonly<Record<string, string>>): Failing[] {
  const subjects = Object.keys(revisions);
  const metadata = { key: subjects[0]!, currentRevision: revisions[subjects[0]!]! };
  return [{ name, call, code: status.ABORTED, reason: 'REVISION_MISMATCH', metadata, subjects }];
}

function lost(name: string, call: Call): Failing[] {
  return [{ name, call, code: status.DATA_LOSS, reason: 'REVISION_LOST', metadata: {} }];
}

function exceeded(limit: string, maximum: string, call: Call): Failing[] {
  const metadata = { limit, maximum };
  return [{ name: `limit ${limit}`, call, code: status.RESOURCE_EXHAUSTED, reason: 'LIMIT_EXCEEDED', metadata }];
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}

function watched(
  client: ParamdClient,
  fromRevision: bigint,
  selection: WatchSelection = { prefixes: [''] },
  progressIntervalMs?: number,
) {
  return firstOf(client.watch(selection, { fromRevision, progressIntervalMs }));
}

async function reuse(client: ParamdClient): Promise<void> {
  await client.set('x', 1n, { requestId: 'once' });
  await client.commit([{ set: 'x', value: 1n }], { requestId: 'once' });
}

function raw(kind: 'doubleValue' | 'durationValue', value: unknown): Value {
  return { kind: { $case: kind, value } as Value['kind'] };
}

function keys(length: number): string[] {
  return Array.from({ length }, (_, at) => `k${at}`);
}

function labels(length: number, name: string): Map<string, string> {
  return new Map(Array.from({ length }, (_, at) => [`${name}${at}`, '']));
}

function largeSets(): CommitOperation[] {
  const value: NativeValue = Buffer.alloc(800 << 10);
  return ['l1', 'l2'].map((set) => ({ set, value }));
}
