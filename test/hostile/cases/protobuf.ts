// Bytes that are not the message that the RPC takes, or are it in a way that no encoder would choose.
import { callHeaders, data, FLAG, headers, message } from '../frames.ts';
import type { HostileCase } from '../hostile-case.ts';
import { ask, encoded, isRead, METHODS, type Method, onConnection, requestName } from '../methods.ts';
import { type RequestField, requestFields } from '../request-fields.ts';
import { delimited, nested, number, tag } from '../wire.ts';

const INVALID = 'INVALID_ARGUMENT INVALID_FIELD';
const UNKNOWN = 'INVALID_ARGUMENT UNKNOWN_FIELD';
const NOT_UTF8 = Buffer.from([0x61, 0xff, 0x62]);

/** Requests that are in order, and would change nothing. `validate_only` comes first, so that it is in every beginning. */
const INNOCENT: Readonly<Record<Method, Buffer>> = {
  GetParameter: encoded('GetParameter', { key: 'innocent' }),
  BatchGetParameters: encoded('BatchGetParameters', { keys: ['innocent'] }),
  ListParameters: encoded('ListParameters', { prefix: 'innocent' }),
  SetParameter: Buffer.concat([number(8, 1), delimited(1, 'k'), nested([2], number(2, 1))]),
  DeleteParameter: Buffer.concat([number(5, 1), delimited(1, 'innocent')]),
  Commit: Buffer.concat([number(4, 1), nested([2, 1], Buffer.concat([delimited(1, 'k'), nested([2], number(2, 1))]))]),
  Watch: encoded('Watch', { prefixes: ['nothing'] }),
  GetStats: Buffer.alloc(0),
  WarmCache: encoded('WarmCache', { prefix: 'nothing' }),
};

const methods = Object.keys(INNOCENT) as Method[];

function bytesCase(method: Method, sends: string, bytes: () => Buffer, expected: string): HostileCase {
  const run: HostileCase['run'] = (victim) => ask(victim, method, bytes());
  return { group: 'protobuf', name: `${method}: ${sends}`, sends: method, summary: sends, expected, run };
}

/** What is malformed whatever the message. */
function malformed(method: Method): HostileCase[] {
  const good = INNOCENT[method];
  const behind = (bytes: Buffer) => () => Buffer.concat([good, bytes]);
  const list: readonly (readonly [sends: string, bytes: () => Buffer])[] = [
    ['field number 0', behind(Buffer.from([0x02, 0x00]))],
    ['the beginning of a group', behind(tag(15, 3))],
    ['the end of a group', behind(tag(15, 4))],
    ['wire type 6', behind(tag(15, 6))],
    ['wire type 7', behind(tag(15, 7))],
    ['a tag that does not end', behind(Buffer.alloc(4, 0x80))],
    ['a tag of 11 bytes', behind(Buffer.concat([Buffer.alloc(10, 0x80), Buffer.of(1)]))],
    ['a number of 11 bytes', behind(Buffer.concat([tag(15, 0), Buffer.alloc(10, 0xff), Buffer.of(1)]))],
    ['a length of 2 GiB', behind(delimited(15, 'x', 2 ** 31))],
    ['a length of 2⁶⁴ − 1', behind(delimited(15, 'x', 2n ** 64n - 1n))],
    ['a length that passes the end by 1', behind(delimited(15, 'xx', 3))],
    ['a fixed number that is cut off', behind(Buffer.concat([tag(15, 1), Buffer.alloc(7)]))],
    ['a MiB of 0xff', () => Buffer.alloc(1 << 20, 0xff)],
  ];
  return list.map(([sends, bytes]) => bytesCase(method, sends, bytes, INVALID));
}

/** What is well-formed, and beyond the message that this server knows. */
function strange(method: Method): HostileCase[] {
  const good = INNOCENT[method];
  const read = isRead(method);
  const behind = (bytes: Buffer) => () => Buffer.concat([good, bytes]);
  const many = (count: number) => Buffer.concat(Array(count).fill(number(1000, 1)));
  return [
    bytesCase(method, 'a field that is not known', behind(delimited(1000, 'x')), read ? 'OK' : UNKNOWN),
    bytesCase(method, '1,001 fields that are not known', behind(many(1001)), read ? TOO_MANY_UNKNOWN : UNKNOWN),
    bytesCase(method, 'a million fields', behind(many(1_000_000)), TOO_MANY_FIELDS),
    bytesCase(
      method,
      'a message 20,000 deep, in a field that is not known',
      behind(nested(Array(20_000).fill(1000), Buffer.alloc(0))),
      read ? 'OK' : UNKNOWN,
    ),
  ];
}
const TOO_MANY_FIELDS = 'RESOURCE_EXHAUSTED LIMIT_EXCEEDED request_fields';
const TOO_MANY_UNKNOWN = 'RESOURCE_EXHAUSTED LIMIT_EXCEEDED unknown_fields';

/** Fields with the wire type of another kind of field are not known, whatever their number. */
function wrongWireType({ method, path, numbers, wireType }: RequestField): HostileCase {
  const wrong = wireType === 2 ? number(numbers.at(-1)!, 1) : delimited(numbers.at(-1)!, 'x');
  const bytes = Buffer.concat([INNOCENT[method], nested(numbers.slice(0, -1), wrong)]);
  const isIgnored = isRead(method) && numbers.length === 1;
  return {
    ...bytesCase(
      method,
      `\`${path}\` as ${wireType === 2 ? 'a number' : 'bytes'}`,
      () => bytes,
      isIgnored ? 'OK' : UNKNOWN,
    ),
    summary: `a field that is ${wireType === 2 ? 'no number, as a number' : 'a number, as bytes'}`,
    covers: [path],
  };
}

/** Texts at every level. */
function invalidText(): HostileCase[] {
  const places: readonly (readonly [Method, readonly number[], string])[] = [
    ['GetParameter', [1], 'key'],
    ['BatchGetParameters', [1], 'keys[1]'],
    ['ListParameters', [1], 'prefix'],
    ['ListParameters', [4], 'page_token'],
    ['SetParameter', [1], 'key'],
    ['SetParameter', [2, 1], 'value.string_value'],
    ['SetParameter', [2, 6], 'value.json_value'],
    ['SetParameter', [2, 8, 1], 'value.string_list_value.values[0]'],
    ['SetParameter', [4, 1], 'labels[0].key'],
    ['SetParameter', [4, 2], 'labels[0].value'],
    ['SetParameter', [5], 'remove_labels[0]'],
    ['SetParameter', [7], 'request_id'],
    ['DeleteParameter', [1], 'key'],
    ['DeleteParameter', [4], 'request_id'],
    ['Commit', [1, 1], 'conditions[0].key'],
    ['Commit', [2, 1, 1], 'operations[1].set.key'],
    ['Commit', [2, 2, 1], 'operations[1].delete.key'],
    ['Commit', [3], 'request_id'],
    ['Watch', [1], 'keys[0]'],
    ['Watch', [2], 'prefixes[1]'],
    ['WarmCache', [1], 'prefix'],
  ];
  const surrogate = Buffer.from([0xed, 0xa0, 0x80]);
  return places.flatMap(([method, numbers, field]) =>
    [
      ['0xff', NOT_UTF8] as const,
      ['a surrogate', surrogate] as const,
      ['an overlong “/”', Buffer.from([0xc0, 0xaf])] as const,
    ].map(([what, text]) => ({
      group: 'protobuf',
      name: `${method}: ${what} in \`${field}\``,
      sends: method,
      summary: `${what} in a text`,
      // Other findings may come beside it: which, is a matter of the request.
      expected: `${INVALID} … ${field}`,
      covers: [`${requestName(method)}.${field.replaceAll(/\[\d+\]/g, '')}`],
      run: async (victim) => {
        const bytes = Buffer.concat([INNOCENT[method], nested(numbers, text)]);
        const told = await ask(victim, method, bytes);
        const fields = told.slice(INVALID.length + 1).split(', ');
        return told.startsWith(INVALID) && fields.includes(field) ? `${INVALID} … ${field}` : told;
      },
    })),
  );
}

const CUT_OFF = 'INVALID_ARGUMENT, but where what is left is a request: its answer';

/** Every beginning of a request that is in order. */
function truncated(method: Method): HostileCase {
  const whole = FULL[method] ?? INNOCENT[method];
  return {
    group: 'protobuf',
    name: `${method}: cut off at each of its bytes`,
    sends: method,
    summary: 'a request cut off at each of its bytes',
    expected: CUT_OFF,
    run: (victim) =>
      onConnection(victim, async (connection) => {
        await connection.greet();
        const path = METHODS[method].path;
        const told = new Set<string>();
        for (let length = 1; length < whole.length; length++) {
          const stream = 2 * length - 1;
          const body = message(whole.subarray(0, length));
          await connection.send(headers(stream, callHeaders(path)), data(stream, body, FLAG.END_STREAM));
          const [status = ''] = (await connection.reaction(stream, { firstMessage: true })).split(' ');
          told.add(status);
        }
        const fine = ['INVALID_ARGUMENT', 'OK', 'NOT_FOUND', 'ABORTED'];
        const others = [...told].filter((status) => !fine.includes(status));
        if (others.length > 0 || !told.has('INVALID_ARGUMENT')) return [...told].join(', ');
        return CUT_OFF;
      }),
  };
}

/** With as many fields as possible, and none that would change anything. */
const FULL: Partial<Record<Method, Buffer>> = {
  GetParameter: Buffer.concat([
    delimited(1, 'innocent'),
    nested([2], Buffer.concat([nested([1], Buffer.concat([number(1, 1), number(2, 5)])), number(2, 1), number(3, 1)])),
  ]),
  SetParameter: Buffer.concat([
    number(8, 1),
    delimited(1, 'k'),
    nested([2, 8], Buffer.concat([delimited(1, 'one'), delimited(1, 'two')])),
    nested([3], Buffer.concat([number(1, 60), number(2, 5)])),
    nested([4], Buffer.concat([delimited(1, 'team'), delimited(2, 'checkout')])),
    delimited(5, 'old'),
    number(6, 12345),
    delimited(7, 'request'),
    number(9, 1),
  ]),
  Commit: Buffer.concat([
    number(4, 1),
    nested([1], Buffer.concat([delimited(1, 'innocent'), number(2, 1)])),
    nested([2, 1], Buffer.concat([delimited(1, 'k'), nested([2], delimited(6, '[1, 2]'))])),
    nested([2, 2], Buffer.concat([delimited(1, 'l'), number(2, 1)])),
    delimited(3, 'request'),
  ]),
  Watch: Buffer.concat([
    delimited(1, 'k'),
    delimited(2, 'nothing'),
    number(3, 1),
    number(4, 1),
    nested([6], number(1, 5)),
  ]),
};

function oddities(): HostileCase[] {
  const ten = Buffer.concat([Buffer.alloc(9, 0x80), Buffer.of(0)]);
  const overlong = Buffer.concat([delimited(1, 'innocent'), nested([2], Buffer.concat([tag(2, 0), ten]))]);
  const wide = Buffer.concat([tag(1, 2), Buffer.from([0x88, 0x80, 0x80, 0x80, 0x00]), Buffer.from('innocent')]);
  const both = Buffer.concat([
    number(8, 1),
    delimited(1, 'x'),
    delimited(1, 'y'),
    nested([2], Buffer.concat([number(2, 1), number(4, 1)])),
  ]);
  const value = (inner: Buffer) => Buffer.concat([number(8, 1), delimited(1, 'k'), nested([2], inner)]);
  const halfList = delimited(8, Buffer.concat(Array(6000).fill(delimited(1, ''))));
  return [
    bytesCase('GetParameter', 'a number of 10 bytes for 0', () => overlong, 'OK'),
    bytesCase('GetParameter', 'a length of 5 bytes for 8', () => wide, 'OK'),
    bytesCase('GetParameter', 'nothing at all', () => Buffer.alloc(0), `${INVALID} key`),
    bytesCase(
      'GetParameter',
      'its key 100,000 times',
      () => Buffer.concat(Array(100_000).fill(delimited(1, 'innocent'))),
      'OK',
    ),
    bytesCase(
      'GetParameter',
      'its key 250,000 times',
      () => Buffer.concat(Array(250_000).fill(delimited(1, 'innocent'))),
      TOO_MANY_FIELDS,
    ),
    bytesCase('SetParameter', 'two keys and two kinds of value', () => both, 'OK'),
    bytesCase('SetParameter', 'a kind of value that is not known', () => value(delimited(99, 'x')), UNKNOWN),
    bytesCase('SetParameter', 'a list that says it is longer', () => value(delimited(8, 'x', 500)), INVALID),
    bytesCase(
      'SetParameter',
      'a list twice, of which the last one counts',
      () => value(Buffer.concat([halfList, halfList])),
      'OK',
    ),
    bytesCase(
      'Commit',
      '100,000 operations of nothing',
      () => Buffer.concat([number(4, 1), ...Array(100_000).fill(delimited(2, ''))]),
      'RESOURCE_EXHAUSTED LIMIT_EXCEEDED operations',
    ),
    bytesCase(
      'BatchGetParameters',
      '190,000 keys',
      () => Buffer.concat(Array.from({ length: 190_000 }, (_, at) => delimited(1, `k${at}`))),
      'RESOURCE_EXHAUSTED LIMIT_EXCEEDED keys',
    ),
  ];
}

export function protobufCases(): HostileCase[] {
  return [
    ...methods.flatMap((method) => [...malformed(method), ...strange(method)]),
    ...methods.filter((method) => (FULL[method] ?? INNOCENT[method]).length > 1).map(truncated),
    ...requestFields().map(wrongWireType),
    ...invalidText(),
    ...oddities(),
  ];
}
