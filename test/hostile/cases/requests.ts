// Requests that are well-formed and mean something that must not be.
import type { HostileCase } from '../hostile-case.ts';
import { ask, encoded, type Method, requestName, setOperation } from '../methods.ts';

const FIELD = 'INVALID_ARGUMENT INVALID_FIELD';
const LIMIT = 'RESOURCE_EXHAUSTED LIMIT_EXCEEDED';
const INT64_MAX = 2n ** 63n - 1n;
const LEAST = -(2n ** 63n);
const int = { kind: { $case: 'intValue', value: 1n } };

interface Sent {
  readonly method: Method;
  readonly request: object;
  /** What is wrong with it. */
  readonly sends: string;
  readonly expected: string;
  /** Fields below the request: "consistency.max_staleness". */
  readonly fields: readonly string[];
  readonly summary?: string;
}

function requestCase({ method, request, sends, expected, fields, summary = sends }: Sent): HostileCase {
  return {
    group: 'requests',
    name: `${method}: ${sends}`,
    sends: method,
    expected,
    summary,
    covers: fields.map((field) => `${requestName(method)}.${field}`),
    run: (victim) => ask(victim, method, encoded(method, request)),
  };
}

/** Where a key, a prefix or another part of a request may stand. */
interface Place<T> {
  readonly method: Method;
  /** As an error names it. */
  readonly field: string;
  /** Without indices. */
  readonly path: string;
  readonly request: (part: T) => object;
}

const KEYS: readonly Place<string>[] = [
  { method: 'GetParameter', field: 'key', path: 'key', request: (key) => ({ key }) },
  { method: 'BatchGetParameters', field: 'keys[1]', path: 'keys', request: (key) => ({ keys: ['fine', key] }) },
  { method: 'SetParameter', field: 'key', path: 'key', request: (key) => ({ key, value: int }) },
  { method: 'DeleteParameter', field: 'key', path: 'key', request: (key) => ({ key, allowMissing: true }) },
  {
    method: 'Commit',
    field: 'operations[0].set.key',
    path: 'operations.set.key',
    request: (key) => ({ operations: [setOperation({ key, value: int })] }),
  },
  {
    method: 'Commit',
    field: 'operations[0].delete.key',
    path: 'operations.delete.key',
    request: (key) => ({ operations: [{ operation: { $case: 'delete', value: { key, allowMissing: true } } }] }),
  },
  {
    method: 'Commit',
    field: 'conditions[0].key',
    path: 'conditions.key',
    request: (key) => ({ conditions: [{ key, ifRevision: 0n }], operations: [setOperation({ value: int })] }),
  },
  { method: 'Watch', field: 'keys[0]', path: 'keys', request: (key) => ({ keys: [key] }) },
];

const PREFIXES: readonly Place<string>[] = [
  { method: 'ListParameters', field: 'prefix', path: 'prefix', request: (prefix) => ({ prefix }) },
  { method: 'Watch', field: 'prefixes[0]', path: 'prefixes', request: (prefix) => ({ prefixes: [prefix] }) },
  { method: 'WarmCache', field: 'prefix', path: 'prefix', request: (prefix) => ({ prefix }) },
];

const BAD_PREFIXES: readonly (readonly [sends: string, text: string])[] = [
  ['of 513 bytes', 'k'.repeat(513)],
  ['of 171 characters of 3 bytes', '€'.repeat(171)],
  ['of 1 MiB', 'k'.repeat(1 << 20)],
  ['with NUL', 'a\0b'],
  ['with a line break', 'a\nb'],
  ['with DEL', 'a\u007fb'],
  ['with a control character above ASCII', 'a\u0085b'],
  ['with U+FFFD', 'a\ufffdb'],
  ['that is not NFC', 'e\u0301'],
];

function keyCases(): HostileCase[] {
  const of = (places: readonly Place<string>[], what: string, bad: typeof BAD_PREFIXES) =>
    places.flatMap(({ method, field, path, request }) =>
      bad.map(([sends, text]) =>
        requestCase({
          method,
          request: request(text),
          sends: `${what} \`${path}\` ${sends}`,
          summary: `a ${what} ${sends}`,
          expected: `${FIELD} ${field}`,
          fields: [path],
        }),
      ),
    );
  return [...of(KEYS, 'key', [['that is empty', ''], ...BAD_PREFIXES]), ...of(PREFIXES, 'prefix', BAD_PREFIXES)];
}

const READS: readonly { method: Method; request: object; valid: string }[] = [
  { method: 'GetParameter', request: { key: 'innocent' }, valid: 'OK' },
  { method: 'BatchGetParameters', request: { keys: ['innocent'] }, valid: 'OK' },
  { method: 'ListParameters', request: {}, valid: 'OK' },
];

function consistencyCases(): HostileCase[] {
  const none = { maxStaleness: undefined, atLeastRevision: 0n, linearizable: false };
  const staleness = (seconds: bigint, nanos: number) => ({ ...none, maxStaleness: { seconds, nanos } });
  const wrong = `${FIELD} consistency.max_staleness`;
  const bad: readonly (readonly [string, object, string, string[]])[] = [
    ['`max_staleness` of 0', staleness(0n, 0), wrong, ['max_staleness']],
    ['`max_staleness` of −1 s', staleness(-1n, 0), wrong, ['max_staleness.seconds']],
    ['`max_staleness` of −2⁶³ s', staleness(LEAST, 0), wrong, ['max_staleness.seconds']],
    ['`max_staleness` of 2⁶³ − 1 s', staleness(INT64_MAX, 999_999_999), wrong, ['max_staleness.seconds']],
    ['`max_staleness` with 2³¹ − 1 nanoseconds', staleness(1n, 2 ** 31 - 1), wrong, ['max_staleness.nanos']],
    ['`max_staleness` of 1 s and −1 ns', staleness(1n, -1), wrong, ['max_staleness.nanos']],
    [
      '`at_least_revision` of −1',
      { ...none, atLeastRevision: -1n },
      `${FIELD} consistency.at_least_revision`,
      ['at_least_revision'],
    ],
    [
      '`at_least_revision` of −2⁶³',
      { ...none, atLeastRevision: LEAST },
      `${FIELD} consistency.at_least_revision`,
      ['at_least_revision'],
    ],
    [
      '`at_least_revision` of 2⁶³ − 1',
      { ...none, atLeastRevision: INT64_MAX },
      'DATA_LOSS REVISION_LOST',
      ['at_least_revision'],
    ],
    [
      '`linearizable` beyond the head',
      { ...none, atLeastRevision: INT64_MAX, linearizable: true },
      'DATA_LOSS REVISION_LOST',
      ['linearizable'],
    ],
  ];
  return READS.flatMap(({ method, request }) =>
    bad.map(([sends, consistency, expected, fields]) =>
      requestCase({
        method,
        request: { ...request, consistency },
        sends,
        expected,
        fields: ['consistency', ...fields.map((field) => `consistency.${field}`)],
      }),
    ),
  );
}

/** The contents of a set, in SetParameter and in Commit. */
const SETS: readonly Place<object>[] = [
  { method: 'SetParameter', field: '', path: '', request: (set) => ({ key: 'hostile', ...set }) },
  {
    method: 'Commit',
    field: 'operations[0].set.',
    path: 'operations.set.',
    request: (set) => ({ operations: [setOperation({ key: 'hostile', ...set })] }),
  },
];

function setCases(): HostileCase[] {
  const duration = (seconds: bigint, nanos = 0) => ({ seconds, nanos });
  const value = (kind: string, content: unknown) => ({ value: { kind: { $case: kind, value: content } } });
  const json = (content: string) => value('jsonValue', content);
  const many = (count: number): [string, string][] => Array.from({ length: count }, (_, at) => [`label${at}`, '']);
  const bad: readonly (readonly [sends: string, set: object, expected: string, wrong: string, path: string])[] = [
    ['nothing to set', {}, FIELD, 'value', 'value'],
    ['a value without a kind', { value: { kind: undefined } }, FIELD, 'value', 'value'],
    [
      'a text of 1 MiB + 1',
      value('stringValue', 'x'.repeat((1 << 20) + 1)),
      LIMIT,
      'value_bytes',
      'value.string_value',
    ],
    ['bytes of 1 MiB + 1', value('bytesValue', Buffer.alloc((1 << 20) + 1)), LIMIT, 'value_bytes', 'value.bytes_value'],
    ['NaN', value('doubleValue', Number.NaN), FIELD, 'value.double_value', 'value.double_value'],
    ['infinity', value('doubleValue', Number.POSITIVE_INFINITY), FIELD, 'value.double_value', 'value.double_value'],
    ['−infinity', value('doubleValue', Number.NEGATIVE_INFINITY), FIELD, 'value.double_value', 'value.double_value'],
    ['an empty JSON', json(''), FIELD, 'value.json_value', 'value.json_value'],
    ['JSON with a trailing comma', json('[1,]'), FIELD, 'value.json_value', 'value.json_value'],
    ['JSON of 65 levels', json('['.repeat(65) + ']'.repeat(65)), FIELD, 'value.json_value', 'value.json_value'],
    ['JSON of 400,000 levels', json('[{"a":'.repeat(170_000)), FIELD, 'value.json_value', 'value.json_value'],
    [
      'a duration of 2⁶³ − 1 s',
      value('durationValue', duration(INT64_MAX)),
      FIELD,
      'value.duration_value',
      'value.duration_value.seconds',
    ],
    [
      'a duration of 1 s and −1 ns',
      value('durationValue', duration(1n, -1)),
      FIELD,
      'value.duration_value',
      'value.duration_value.nanos',
    ],
    [
      'a list of 10,001 texts',
      value('stringListValue', { values: Array(10_001).fill('') }),
      LIMIT,
      'string_list_values',
      'value.string_list_value.values',
    ],
    [
      'a list of 4 texts of 300 KB',
      value('stringListValue', { values: Array(4).fill('x'.repeat(300_000)) }),
      LIMIT,
      'value_bytes',
      'value.string_list_value',
    ],
    ['`cache_ttl` of 0', { cacheTtl: duration(0n) }, FIELD, 'cache_ttl', 'cache_ttl'],
    ['`cache_ttl` of 1 s less 1 ns', { cacheTtl: duration(0n, 999_999_999) }, FIELD, 'cache_ttl', 'cache_ttl.nanos'],
    ['`cache_ttl` of 30 days and 1 ns', { cacheTtl: duration(2_592_000n, 1) }, FIELD, 'cache_ttl', 'cache_ttl.nanos'],
    ['`cache_ttl` of −1 s', { cacheTtl: duration(-1n) }, FIELD, 'cache_ttl', 'cache_ttl.seconds'],
    ['`cache_ttl` of 2⁶³ − 1 s', { cacheTtl: duration(INT64_MAX) }, FIELD, 'cache_ttl', 'cache_ttl.seconds'],
    ['65 labels', { labels: new Map(many(65)) }, LIMIT, 'labels', 'labels'],
    ['a label without a key', { labels: new Map([['', 'x']]) }, FIELD, 'labels', 'labels.key'],
    ['a label key of 64 bytes', { labels: new Map([['k'.repeat(64), 'x']]) }, FIELD, 'labels', 'labels.key'],
    ['a label key with a control character', { labels: new Map([['a\tb', 'x']]) }, FIELD, 'labels', 'labels.key'],
    ['a label value of 257 bytes', { labels: new Map([['a', 'x'.repeat(257)]]) }, FIELD, 'labels', 'labels.value'],
    [
      'a label value with a control character',
      { labels: new Map([['a', '\u001b[2J']]) },
      FIELD,
      'labels',
      'labels.value',
    ],
    ['65 `remove_labels`', { removeLabels: many(65).map(([name]) => name) }, LIMIT, 'remove_labels', 'remove_labels'],
    ['an empty name in `remove_labels`', { removeLabels: [''] }, FIELD, 'remove_labels[0]', 'remove_labels'],
    [
      'a name of 64 bytes in `remove_labels`',
      { removeLabels: ['k'.repeat(64)] },
      FIELD,
      'remove_labels[0]',
      'remove_labels',
    ],
    ['labels for what does not exist', { labels: new Map([['a', 'b']]) }, FIELD, 'value', 'labels'],
    ['`allow_kind_change` and no value', { allowKindChange: true }, FIELD, 'value', 'allow_kind_change'],
  ];
  return SETS.flatMap(({ method, field, path, request }) =>
    bad.map(([sends, set, expected, wrong, covered]) =>
      requestCase({
        method,
        request: request(set),
        sends,
        expected: `${expected} ${expected === FIELD ? field : ''}${wrong}`,
        fields: [`${path}${covered}`],
      }),
    ),
  );
}

function writeCases(): HostileCase[] {
  const sets = (count: number) => Array.from({ length: count }, (_, at) => setOperation({ key: `k${at}`, value: int }));
  const big = (key: string) =>
    setOperation({ key, value: { kind: { $case: 'bytesValue', value: Buffer.alloc(1_000_000) } } });
  const condition = (ifRevision: bigint | undefined) => [{ key: 'innocent', ifRevision }];
  const one = sets(1);
  const list: readonly (readonly [Method, object, string, string, string])[] = [
    ['SetParameter', { value: int, ifRevision: -1n }, '`if_revision` of −1', `${FIELD} if_revision`, 'if_revision'],
    ['SetParameter', { value: int, ifRevision: LEAST }, '`if_revision` of −2⁶³', `${FIELD} if_revision`, 'if_revision'],
    [
      'SetParameter',
      { value: int, ifRevision: INT64_MAX },
      '`if_revision` of 2⁶³ − 1',
      'ABORTED REVISION_MISMATCH',
      'if_revision',
    ],
    [
      'SetParameter',
      { key: 'innocent', value: int, ifRevision: 0n },
      '`if_revision` of 0 for what exists',
      'ALREADY_EXISTS PARAMETER_EXISTS',
      'if_revision',
    ],
    [
      'SetParameter',
      { key: 'innocent', value: int, ifRevision: 0n, validateOnly: true },
      '`validate_only` of what cannot be',
      'ALREADY_EXISTS PARAMETER_EXISTS',
      'validate_only',
    ],
    [
      'SetParameter',
      { key: 'innocent', value: { kind: { $case: 'boolValue', value: true } } },
      'another kind than the stored one',
      'FAILED_PRECONDITION KIND_MISMATCH',
      'value.bool_value',
    ],
    [
      'SetParameter',
      { value: int, requestId: 'r'.repeat(65) },
      '`request_id` of 65 characters',
      `${FIELD} request_id`,
      'request_id',
    ],
    [
      'SetParameter',
      { value: int, requestId: 'r\n' },
      '`request_id` with a line break',
      `${FIELD} request_id`,
      'request_id',
    ],
    ['SetParameter', { value: int, requestId: 'é' }, '`request_id` beyond ASCII', `${FIELD} request_id`, 'request_id'],
    [
      'SetParameter',
      { value: { kind: { $case: 'intValue', value: LEAST } }, ifRevision: 1n },
      'the least integer, at a revision of another key',
      'ABORTED REVISION_MISMATCH',
      'value.int_value',
    ],
    ['DeleteParameter', { ifRevision: 0n }, '`if_revision` of 0', `${FIELD} if_revision`, 'if_revision'],
    ['DeleteParameter', { ifRevision: -1n }, '`if_revision` of −1', `${FIELD} if_revision`, 'if_revision'],
    [
      'DeleteParameter',
      { ifRevision: INT64_MAX, allowMissing: true },
      '`if_revision` of 2⁶³ − 1',
      'ABORTED REVISION_MISMATCH',
      'if_revision',
    ],
    [
      'DeleteParameter',
      { key: 'nothing' },
      'what does not exist, without `allow_missing`',
      'NOT_FOUND PARAMETER_NOT_FOUND',
      'allow_missing',
    ],
    [
      'DeleteParameter',
      { key: 'nothing', validateOnly: true },
      '`validate_only` of what does not exist',
      'NOT_FOUND PARAMETER_NOT_FOUND',
      'validate_only',
    ],
    [
      'DeleteParameter',
      { requestId: 'r'.repeat(100_000) },
      '`request_id` of 100,000 characters',
      `${FIELD} request_id`,
      'request_id',
    ],
    ['Commit', {}, 'no operation', `${FIELD} operations`, 'operations'],
    ['Commit', { operations: sets(301) }, '301 operations', `${LIMIT} operations`, 'operations'],
    [
      'Commit',
      { operations: [{ operation: undefined }] },
      'an operation that is neither',
      `${FIELD} operations[0]`,
      'operations',
    ],
    ['Commit', { operations: [...one, ...one] }, 'a key twice', `${FIELD} operations[1].set.key`, 'operations.set.key'],
    [
      'Commit',
      { operations: [...one, { operation: { $case: 'delete', value: { key: 'k0', allowMissing: true } } }] },
      'a key set and deleted',
      `${FIELD} operations[1].delete.key`,
      'operations.delete',
    ],
    [
      'Commit',
      { operations: [...one, { operation: { $case: 'delete', value: { key: 'nothing', allowMissing: false } } }] },
      'a delete of what does not exist',
      'NOT_FOUND PARAMETER_NOT_FOUND',
      'operations.delete.allow_missing',
    ],
    [
      'Commit',
      { operations: [big('a'), big('b'), big('c'), big('d')] },
      'values of 4 MB',
      'RESOURCE_EXHAUSTED LIMIT_EXCEEDED commit_bytes',
      'operations.set.value.bytes_value',
    ],
    [
      'Commit',
      { operations: one, conditions: Array(301).fill(condition(1n)[0]) },
      '301 conditions',
      `${LIMIT} conditions`,
      'conditions',
    ],
    [
      'Commit',
      { operations: one, conditions: condition(undefined) },
      'a condition without `if_revision`',
      `${FIELD} conditions[0].if_revision`,
      'conditions.if_revision',
    ],
    [
      'Commit',
      { operations: one, conditions: condition(-1n) },
      'a condition of revision −1',
      `${FIELD} conditions[0].if_revision`,
      'conditions.if_revision',
    ],
    [
      'Commit',
      { operations: one, conditions: condition(INT64_MAX) },
      'a condition of revision 2⁶³ − 1',
      'ABORTED REVISION_MISMATCH',
      'conditions.if_revision',
    ],
    [
      'Commit',
      { operations: one, conditions: [...condition(1n), ...condition(0n)] },
      'conditions that contradict each other',
      'ABORTED REVISION_MISMATCH',
      'conditions',
    ],
    ['Commit', { operations: one, requestId: '\0' }, '`request_id` of NUL', `${FIELD} request_id`, 'request_id'],
    [
      'Commit',
      { operations: one, conditions: condition(0n), validateOnly: true },
      '`validate_only` of what cannot be',
      'ABORTED REVISION_MISMATCH',
      'validate_only',
    ],
    [
      'Commit',
      { operations: [setOperation({ key: 'innocent', value: { kind: { $case: 'boolValue', value: true } } })] },
      'another kind than the stored one',
      'FAILED_PRECONDITION KIND_MISMATCH',
      'operations.set.value.bool_value',
    ],
    [
      'Commit',
      {
        operations: [setOperation({ key: 'innocent', value: { kind: { $case: 'intValue', value: INT64_MAX } } })],
        conditions: condition(0n),
      },
      'the greatest integer, under a condition that fails',
      'ABORTED REVISION_MISMATCH',
      'operations.set.value.int_value',
    ],
  ];
  return list.map(([method, request, sends, expected, field]) =>
    requestCase({ method, request, sends, expected, fields: [field] }),
  );
}

function readCases(): HostileCase[] {
  const keys = (count: number) => Array.from({ length: count }, (_, at) => `k${at}`);
  const interval = (seconds: bigint, nanos = 0) => ({ prefixes: [''], progressInterval: { seconds, nanos } });
  const progress = `${FIELD} progress_interval`;
  const token = `${FIELD} page_token`;
  const list: readonly (readonly [Method, object, string, string, string])[] = [
    ['BatchGetParameters', { keys: keys(1001) }, '1,001 keys', `${LIMIT} keys`, 'keys'],
    ['ListParameters', { pageSize: -1 }, '`page_size` of −1', `${FIELD} page_size`, 'page_size'],
    ['ListParameters', { pageSize: -(2 ** 31) }, '`page_size` of −2³¹', `${FIELD} page_size`, 'page_size'],
    ['ListParameters', { pageToken: 'AAAA' }, 'a forged `page_token`', token, 'page_token'],
    [
      'ListParameters',
      { pageToken: 'A'.repeat(700) },
      'a forged `page_token` as long as one may be',
      token,
      'page_token',
    ],
    ['ListParameters', { pageToken: 'A'.repeat(1 << 20) }, 'a `page_token` of 1 MiB', token, 'page_token'],
    ['ListParameters', { pageToken: "'; DROP TABLE" }, 'a `page_token` that is no base64', token, 'page_token'],
    [
      'ListParameters',
      { pageToken: 'AAAA', keysOnly: true },
      '`keys_only` with a forged `page_token`',
      token,
      'keys_only',
    ],
    ['Watch', {}, 'no key and no prefix', `${FIELD} keys`, 'keys'],
    ['Watch', { keys: keys(101) }, '101 keys', `${LIMIT} watch_filters`, 'keys'],
    ['Watch', { keys: keys(50), prefixes: keys(51) }, '50 keys and 51 prefixes', `${LIMIT} watch_filters`, 'prefixes'],
    ['Watch', { prefixes: Array(100_000).fill('') }, '100,000 prefixes', `${LIMIT} watch_filters`, 'prefixes'],
    [
      'Watch',
      { prefixes: [''], startRevision: -1n },
      '`start_revision` of −1',
      `${FIELD} start_revision`,
      'start_revision',
    ],
    [
      'Watch',
      { prefixes: [''], startRevision: INT64_MAX },
      '`start_revision` of 2⁶³ − 1',
      'DATA_LOSS REVISION_LOST',
      'start_revision',
    ],
    [
      'Watch',
      { prefixes: ['\0'], sendInitial: true },
      '`send_initial` of a prefix that is none',
      `${FIELD} prefixes[0]`,
      'send_initial',
    ],
    [
      'Watch',
      { prefixes: [''], includePrevious: true, startRevision: INT64_MAX },
      '`include_previous` beyond the head',
      'DATA_LOSS REVISION_LOST',
      'include_previous',
    ],
    ['Watch', interval(0n), '`progress_interval` of 0', progress, 'progress_interval'],
    ['Watch', interval(0n, 99_999_999), '`progress_interval` below 100 ms', progress, 'progress_interval.nanos'],
    ['Watch', interval(601n), '`progress_interval` of 601 s', progress, 'progress_interval.seconds'],
    ['Watch', interval(-1n), '`progress_interval` of −1 s', progress, 'progress_interval.seconds'],
    [
      'Watch',
      interval(INT64_MAX, 2 ** 31 - 1),
      '`progress_interval` of 2⁶³ − 1 s',
      progress,
      'progress_interval.seconds',
    ],
    [
      'WarmCache',
      { maxKeysPerSecond: -1 },
      '`max_keys_per_second` of −1',
      `${FIELD} max_keys_per_second`,
      'max_keys_per_second',
    ],
    [
      'WarmCache',
      { maxKeysPerSecond: 2 ** 31 - 1, prefix: 'nothing' },
      '`max_keys_per_second` of 2³¹ − 1',
      'OK',
      'max_keys_per_second',
    ],
  ];
  return list.map(([method, request, sends, expected, field]) =>
    requestCase({ method, request, sends, expected, fields: [field] }),
  );
}

export function requestCases(): HostileCase[] {
  return [...keyCases(), ...consistencyCases(), ...setCases(), ...writeCases(), ...readCases()];
}
