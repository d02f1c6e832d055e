// Calls that HTTP/2 allows and gRPC does not, or that make a server do more than it should.
import { deflateSync, gzipSync } from 'node:zlib';
import { callHeaders, data, FLAG, headers, message } from '../frames.ts';
import type { HostileCase } from '../hostile-case.ts';
import type { Header } from '../hpack.ts';
import { call, encoded, GET_PATH, METHODS, onConnection } from '../methods.ts';
import { delimited } from '../wire.ts';

const GOOD = message(encoded('GetParameter', { key: 'innocent' }));
const WATCH = METHODS.Watch.path;
const HEALTH = '/grpc.health.v1.Health/Check';
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

type Changed = Readonly<Record<string, string | undefined>>;

function grpcCase(name: string, sends: string, expected: string, run: HostileCase['run']): HostileCase {
  return { group: 'gRPC', name, sends, expected, run };
}

/** A call with these bytes as its body. */
function body(
  name: string,
  sends: string,
  bytes: Buffer,
  expected: string,
  changed: Changed = {},
  path: string = GET_PATH,
) {
  return grpcCase(name, sends, expected, (victim) => call(victim, path, bytes, callHeaders(path, changed)));
}

function header(name: string, sends: string, changed: Changed, expected: string, path: string = GET_PATH): HostileCase {
  return body(name, sends, GOOD, expected, changed, path);
}

/** Headers as they are, twice the same one too. */
function headerList(name: string, sends: string, more: readonly Header[], expected: string): HostileCase {
  return grpcCase(name, sends, expected, (victim) => call(victim, GET_PATH, GOOD, [...callHeaders(GET_PATH), ...more]));
}

function bodies(): HostileCase[] {
  const gzip = { 'grpc-encoding': 'gzip' };
  const bytes = encoded('GetParameter', { key: 'innocent' });
  const zeros = (size: number) => gzipSync(Buffer.alloc(size));
  const NONE = 'UNIMPLEMENTED';
  const flagged = 'INTERNAL';
  return [
    body('no message', 'END_STREAM without DATA', Buffer.alloc(0), NONE),
    body('a header that is cut off', '4 of the 5 bytes before a message', GOOD.subarray(0, 4), NONE),
    body('a message that is cut off', 'all but the last byte', GOOD.subarray(0, -1), NONE),
    body('an empty message', 'a length of 0', message(Buffer.alloc(0)), 'INVALID_ARGUMENT INVALID_FIELD key'),
    body('two messages', 'a unary call with two', Buffer.concat([GOOD, GOOD]), NONE),
    body('two messages to a stream', 'Watch with two', Buffer.concat([GOOD, GOOD]), NONE, {}, WATCH),
    body('10,000 messages', 'a unary call with 10,000', Buffer.concat(Array(10_000).fill(GOOD)), NONE),
    body('bytes behind the message', 'one byte more', Buffer.concat([GOOD, Buffer.of(0)]), 'OK'),
    body('a length of 4 GiB − 1', 'and 12 bytes', message(bytes, 0, 2 ** 32 - 1), 'RESOURCE_EXHAUSTED'),
    body('a length of 4 MiB + 1', 'and 12 bytes', message(bytes, 0, (4 << 20) + 1), 'RESOURCE_EXHAUSTED'),
    body('a message of 4 MiB', 'of 0xff', message(Buffer.alloc(4 << 20, 0xff)), 'INVALID_ARGUMENT INVALID_FIELD'),
    body('a shorter length than the message', 'the rest makes a second one', message(bytes, 0, 3), flagged),
    body('text', '`GET / HTTP/1.1` as a message', Buffer.from('GET / HTTP/1.1\r\n\r\n'), flagged),
    body('a flag of 2', 'neither compressed nor not', message(bytes, 2), flagged),
    body('a flag of 255', 'neither compressed nor not', message(bytes, 255), flagged),
    body('compressed, without `grpc-encoding`', 'gzip', message(gzipSync(bytes), 1), flagged),
    body('compressed, `grpc-encoding: identity`', 'gzip', message(gzipSync(bytes), 1), flagged, {
      'grpc-encoding': 'identity',
    }),
    body('gzip that is none', 'text, flagged as compressed', message(bytes, 1), flagged, gzip),
    body('gzip that is cut off', 'half of it', message(gzipSync(bytes).subarray(0, 20), 1), flagged, gzip),
    body('gzip of nothing', 'no byte, flagged as compressed', message(Buffer.alloc(0), 1), flagged, gzip),
    body('deflate, flagged as gzip', 'the other format', message(deflateSync(bytes), 1), flagged, gzip),
    body(
      'a compression bomb',
      '16 MiB of zeros in 16 KB of gzip',
      message(zeros(16 << 20), 1),
      'RESOURCE_EXHAUSTED',
      gzip,
    ),
    body('a large compression bomb', '1 GiB of zeros in 1 MB of gzip', message(BOMB(), 1), 'RESOURCE_EXHAUSTED', gzip),
    body(
      'a compression bomb by deflate',
      '64 MiB',
      message(deflateSync(Buffer.alloc(64 << 20)), 1),
      'RESOURCE_EXHAUSTED',
      {
        'grpc-encoding': 'deflate',
      },
    ),
    body(
      'a bomb within the bound',
      '4 MiB of zeros',
      message(zeros(4 << 20), 1),
      'INVALID_ARGUMENT INVALID_FIELD',
      gzip,
    ),
    ...['br', 'snappy', 'zstd', '__proto__', 'gzip, gzip', ''].map((encoding) =>
      body(
        encoding === '' ? 'an empty `grpc-encoding`' : `\`grpc-encoding: ${encoding}\``,
        'flagged as compressed',
        message(bytes, 1),
        'UNIMPLEMENTED',
        {
          'grpc-encoding': encoding,
        },
      ),
    ),
  ];
}

/** Made where it is needed, as it takes a while: gzip members behind each other are one. */
const BOMB = (() => {
  let made: Buffer | undefined;
  return () => {
    made ??= Buffer.concat(Array(64).fill(gzipSync(Buffer.alloc(16 << 20))));
    return made;
  };
})();

function headerCases(): HostileCase[] {
  const type = (value: string | undefined) => ({ 'content-type': value });
  const timeout = (value: string) => ({ 'grpc-timeout': value });
  // Its timer may come after an answer from memory.
  const NO_TIME = 'OK or DEADLINE_EXCEEDED';
  const MEDIA = 'HTTP 415';
  const METADATA = 'RESOURCE_EXHAUSTED LIMIT_EXCEEDED metadata_bytes';
  const PROTOCOL = 'RST_STREAM PROTOCOL_ERROR';
  return [
    header('no content-type', 'none', type(undefined), MEDIA),
    header('`content-type: text/html`', 'text/html', type('text/html'), MEDIA),
    header('`content-type: application/json`', 'application/json', type('application/json'), MEDIA),
    header('an empty content-type', 'nothing in it', type(''), MEDIA),
    header('`content-type: application/grpc+json`', 'another encoding', type('application/grpc+json'), MEDIA),
    header('`content-type: application/grpc-web`', 'another protocol', type('application/grpc-web'), MEDIA),
    header('`content-type: application/grpcx`', 'another type', type('application/grpcx'), MEDIA),
    header('no `te`', 'none', { te: undefined }, 'OK'),
    header('`te: gzip`', 'what HTTP/2 forbids', { te: 'gzip' }, PROTOCOL),
    header('`te: chunked, trailers`', 'what HTTP/2 forbids', { te: 'chunked, trailers' }, PROTOCOL),
    header('GET', 'another verb', { ':method': 'GET' }, 'HTTP 405'),
    header('PUT', 'another verb', { ':method': 'PUT' }, 'HTTP 405'),
    header('OPTIONS', 'another verb', { ':method': 'OPTIONS' }, 'HTTP 405'),
    header('CONNECT', 'with a path', { ':method': 'CONNECT' }, PROTOCOL),
    header(
      'an unknown method',
      '`/parameter.v1.ParameterService/Drop`',
      {},
      'UNIMPLEMENTED',
      '/parameter.v1.ParameterService/Drop',
    ),
    header(
      'an unknown service',
      '`/parameter.v2.ParameterService/GetParameter`',
      {},
      'UNIMPLEMENTED',
      '/parameter.v2.ParameterService/GetParameter',
    ),
    header('the path `/`', '', {}, 'UNIMPLEMENTED', '/'),
    header('a path in capitals', '', {}, 'UNIMPLEMENTED', GET_PATH.toUpperCase()),
    header('a path with a query', '', {}, 'UNIMPLEMENTED', `${GET_PATH}?key=innocent`),
    header('a path that goes up', '', {}, 'UNIMPLEMENTED', `/x/..${GET_PATH}`),
    header('the path `__proto__`', '', {}, 'UNIMPLEMENTED', '/__proto__'),
    header('the path `constructor`', 'without a slash', {}, PROTOCOL, 'constructor'),
    header('an empty path', '', {}, PROTOCOL, ''),
    header('a path of 60 KB', '', {}, 'UNIMPLEMENTED', `/${'x'.repeat(60_000)}`),
    header('a path with control characters', '', {}, PROTOCOL, `${GET_PATH}\u0001`),
    ...['', 'abc', '1', 'S', '1s', '-1S', '1.5S', '123456789S', '1 S', 'x1Sx', '1S, 2S', '0x10S'].map((value) =>
      header(
        value === '' ? 'an empty `grpc-timeout`' : `\`grpc-timeout: ${value}\``,
        'not 1 to 8 digits and a unit',
        timeout(value),
        'INTERNAL',
      ),
    ),
    header('`grpc-timeout: 0n`', 'no time at all', timeout('0n'), NO_TIME),
    header('`grpc-timeout: 1n`', 'a nanosecond', timeout('1n'), NO_TIME),
    header('`grpc-timeout: 99999999H`', 'eleven thousand years', timeout('99999999H'), 'OK'),
    header('`grpc-timeout: 2592000S`', 'thirty days', timeout('2592000S'), 'OK'),
    header('metadata of 20 KB', 'one header', { x: 'y'.repeat(20_000) }, METADATA),
    header('metadata of 20 KB in binary', 'one header', { 'x-bin': 'A'.repeat(28_000) }, METADATA),
    header('metadata of 20 KB, to health', 'one header', { x: 'y'.repeat(20_000) }, METADATA, HEALTH),
    header('binary metadata that is no base64', '`x-bin: !!!`', { 'x-bin': '!!!' }, 'OK'),
    header('100 binary values', '`x-bin: A,A,…`', { 'x-bin': Array(100).fill('AA').join() }, 'OK'),
    header('`grpc-status` in a request', 'a reserved name', { 'grpc-status': '0' }, 'OK'),
    header('`grpc-message` in a request', 'a reserved name', { 'grpc-message': '%ff' }, 'OK'),
    header('an unknown `grpc-` header', 'a reserved name', { 'grpc-x': '1' }, 'OK'),
    header('`grpc-status-details-bin` in a request', 'a reserved name', { 'grpc-status-details-bin': '////' }, 'OK'),
    header('`paramd-actor` with an escape', '`ESC [2J`', { 'paramd-actor': '\u001b[2J' }, 'OK'),
    header('`paramd-actor` of 10,000 characters', '', { 'paramd-actor': 'x'.repeat(10_000) }, 'OK'),
    header('`paramd-actor` beyond ASCII', 'bytes of 0xff', { 'paramd-actor': '\xff\xff' }, 'OK'),
    header('a header named `__proto__`', '', { __proto__x: '1', ['__proto__']: '1' }, 'OK'),
    header('a header with a name that gRPC does not know', '`a!b`', { 'a!b': '1' }, 'OK'),
    header('an upper-case header', '`X-Y`', { 'X-Y': '1' }, PROTOCOL),
    header('a header with a line break', 'in its value', { x: 'a\r\nb' }, 'OK'),
    header('a header with NUL', 'in its value', { x: 'a\0b' }, 'OK'),
    header('an empty header name', '', { '': 'x' }, 'OK'),
    header('`connection: close`', 'what HTTP/2 forbids', { connection: 'close' }, PROTOCOL),
    header('`transfer-encoding: chunked`', 'what HTTP/2 forbids', { 'transfer-encoding': 'chunked' }, PROTOCOL),
    header('`content-length: 1`', 'less than comes', { 'content-length': '1' }, 'GOAWAY INTERNAL_ERROR'),
    header('`content-length: 99`', 'more than comes', { 'content-length': '99' }, PROTOCOL),
    header('`content-length: -1`', 'no number', { 'content-length': '-1' }, PROTOCOL),
    header('`expect: 100-continue`', 'asks first', { expect: '100-continue' }, 'OK'),
    header('no `:authority`', '', { ':authority': undefined }, PROTOCOL),
    header('no `:path`', '', { ':path': undefined }, PROTOCOL),
    header('no `:method`', '', { ':method': undefined }, PROTOCOL),
    header('no `:scheme`', '', { ':scheme': undefined }, PROTOCOL),
    header('an unknown pseudo-header', '`:x`', { ':x': '1' }, PROTOCOL),
    header('`:status` in a request', '', { ':status': '200' }, PROTOCOL),
    headerList('`content-type` twice', 'the second one text/html', [['content-type', 'text/html']], 'OK'),
    headerList(
      '`grpc-timeout` twice',
      '1S and 2S',
      [
        ['grpc-timeout', '1S'],
        ['grpc-timeout', '2S'],
      ],
      'INTERNAL',
    ),
    headerList('`:path` twice', '', [[':path', '/other']], PROTOCOL),
    headerList('a pseudo-header behind others', '', [[':authority', 'x']], PROTOCOL),
    headerList('`te` twice', 'trailers and trailers', [['te', 'trailers']], 'OK'),
    headerList(
      '120 headers',
      'of two bytes',
      Array.from({ length: 115 }, (_, at) => [`h${at}`, 'x'] as const),
      'OK',
    ),
    headerList(
      '200 headers',
      'of two bytes',
      Array.from({ length: 200 }, (_, at) => [`h${at}`, 'x'] as const),
      'RST_STREAM ENHANCE_YOUR_CALM',
    ),
  ];
}

function services(): HostileCase[] {
  const health = (name: string, bytes: Buffer, expected: string, path = HEALTH) =>
    body(`health: ${name}`, '', message(bytes), expected, {}, path);
  const reflection = (name: string, bytes: Buffer, expected: string) =>
    body(`reflection: ${name}`, '', bytes, expected, {}, REFLECTION);
  const garbage = Buffer.alloc(100, 0xff);
  return [
    health('a service that there is not', delimited(1, 'x'), 'NOT_FOUND'),
    health('a name of 1 MiB', delimited(1, 'x'.repeat(1 << 20)), 'NOT_FOUND'),
    health('a name that is no UTF-8', delimited(1, Buffer.from([0xff])), 'NOT_FOUND'),
    health('garbage', garbage, 'INVALID_ARGUMENT INVALID_FIELD'),
    health('garbage to List', garbage, 'OK', '/grpc.health.v1.Health/List'),
    health('garbage to Watch', garbage, 'INVALID_ARGUMENT INVALID_FIELD', '/grpc.health.v1.Health/Watch'),
    health('a watch of a service that there is not', delimited(1, 'x'), 'OK', '/grpc.health.v1.Health/Watch'),
    reflection('garbage', message(garbage), 'INVALID_ARGUMENT'),
    reflection('an empty question', message(Buffer.alloc(0)), 'OK'),
    reflection('a symbol of 10 KB', message(delimited(4, 'x'.repeat(10_000))), 'OK'),
    reflection('a question of 17 KiB', message(delimited(4, 'x'.repeat(17 << 10))), 'RESOURCE_EXHAUSTED'),
    reflection('a question that is compressed', message(gzipSync(Buffer.from('x')), 1), 'INTERNAL'),
    reflection('a file name that goes up', message(delimited(3, '../../etc/passwd')), 'OK'),
    reflection('the symbol `__proto__`', message(delimited(4, '__proto__')), 'OK'),
    reflection('an extension of −1', message(delimited(5, Buffer.from([0x10, ...Array(9).fill(0xff), 1]))), 'OK'),
    reflection(
      '1,000 questions at once',
      Buffer.concat(Array(1000).fill(message(delimited(7, '')))),
      'RESOURCE_EXHAUSTED',
    ),
  ];
}

function unfinished(): HostileCase[] {
  // They take as long as a call may.
  const long = (one: HostileCase): HostileCase => ({ ...one, flood: 'campaign' });
  return [
    long(
      grpcCase('a request that does not end', 'HEADERS and nothing more', 'DEADLINE_EXCEEDED', (victim) =>
        onConnection(victim, async (connection) => {
          await connection.greet();
          await connection.send(headers(1, callHeaders(GET_PATH)));
          return connection.reaction(1);
        }),
      ),
    ),
    long(
      grpcCase('a whole message, and no END_STREAM', 'the call is not over', 'DEADLINE_EXCEEDED', (victim) =>
        onConnection(victim, async (connection) => {
          await connection.greet();
          await connection.send(headers(1, callHeaders(GET_PATH)), data(1, GOOD));
          return connection.reaction(1);
        }),
      ),
    ),
    grpcCase('trailers in a request', 'HEADERS after DATA', 'OK', (victim) =>
      onConnection(victim, async (connection) => {
        await connection.greet();
        const trailers = headers(1, [['x', 'y']], FLAG.END_HEADERS | FLAG.END_STREAM);
        await connection.send(headers(1, callHeaders(GET_PATH)), data(1, GOOD), trailers);
        return connection.reaction(1);
      }),
    ),
  ];
}

export function grpcCases(): HostileCase[] {
  return [...bodies(), ...headerCases(), ...services(), ...unfinished()];
}
