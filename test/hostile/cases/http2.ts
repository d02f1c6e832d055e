// What is no HTTP/2, or HTTP/2 that breaks its own rules.
import {
  callHeaders,
  data,
  FLAG,
  frame,
  headers,
  message,
  PREFACE,
  reset,
  SETTING,
  setting,
  settings,
  TYPE,
  uint32,
  windowUpdate,
} from '../frames.ts';
import type { HostileCase } from '../hostile-case.ts';
import { encodeHeaders, integer, text } from '../hpack.ts';
import { encoded, GET_PATH, innocentOn, onConnection } from '../methods.ts';
import type { RawConnection } from '../raw-connection.ts';

const GOOD = message(encoded('GetParameter', { key: 'innocent' }));
const CALL = callHeaders(GET_PATH);
const PROTOCOL = 'GOAWAY PROTOCOL_ERROR';
const SIZE = 'GOAWAY FRAME_SIZE_ERROR';
const FLOW = 'GOAWAY FLOW_CONTROL_ERROR';
const COMPRESSION = 'GOAWAY COMPRESSION_ERROR';

type Send = (connection: RawConnection) => Promise<unknown>;

function http2Case(name: string, sends: string, expected: string, run: HostileCase['run']): HostileCase {
  return { group: 'HTTP/2', name, sends, expected, run };
}

/** Bytes with which a connection begins, in the place of the preface. */
function beginning(name: string, bytes: Buffer, expected: string, more = '', isAll = false): HostileCase {
  return http2Case(name, more, expected, (victim) =>
    onConnection(victim, async (connection) => {
      await connection.send(bytes);
      if (isAll) connection.end();
      return connection.ended();
    }),
  );
}

/** Something on a connection that has begun well; told is how the connection ends, or that it goes on. */
function then(name: string, sends: string, expected: string, send: Send): HostileCase {
  return http2Case(name, sends, expected, (victim) =>
    onConnection(victim, async (connection) => {
      await connection.greet();
      await send(connection);
      return innocentOn(connection, victim);
    }),
  );
}

/** Something on stream 1; told is what comes of this stream. */
function onStream(name: string, sends: string, expected: string, ...frames: Buffer[]): HostileCase {
  return http2Case(name, sends, expected, (victim) =>
    onConnection(victim, async (connection) => {
      await connection.greet();
      await connection.send(...frames);
      return connection.reaction(1);
    }),
  );
}

function prefaces(): HostileCase[] {
  const greeting = Buffer.concat([PREFACE, settings()]);
  return [
    beginning(
      'HTTP/1.1',
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      'GOAWAY INTERNAL_ERROR',
      '`GET / HTTP/1.1`',
    ),
    beginning(
      'HTTP/1.1 with an upgrade',
      Buffer.from('GET / HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n'),
      'GOAWAY INTERNAL_ERROR',
      '`Upgrade: h2c`',
    ),
    beginning(
      'TLS',
      Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(500, 7)]),
      'GOAWAY INTERNAL_ERROR',
      'a ClientHello',
    ),
    beginning('zeros', Buffer.alloc(10_000), 'GOAWAY INTERNAL_ERROR', '10,000 of them'),
    beginning(
      'a preface that ends wrong',
      Buffer.concat([PREFACE.subarray(0, 23), Buffer.from('x')]),
      'GOAWAY INTERNAL_ERROR',
      'its last byte is another',
    ),
    beginning('half a preface, and the end', PREFACE.subarray(0, 12), 'closed', '12 bytes', true),
    beginning('nothing, and the end', Buffer.alloc(0), 'closed', 'no byte', true),
    beginning('a preface twice', Buffer.concat([PREFACE, PREFACE]), PROTOCOL, 'no SETTINGS between'),
    beginning('no SETTINGS', Buffer.concat([PREFACE, frame(TYPE.PING, 0, 0, Buffer.alloc(8))]), PROTOCOL, 'PING first'),
    beginning(
      'an acknowledgement as first SETTINGS',
      Buffer.concat([PREFACE, frame(TYPE.SETTINGS, FLAG.ACK, 0)]),
      PROTOCOL,
      'SETTINGS with ACK',
    ),
    beginning('SSH', Buffer.from('SSH-2.0-OpenSSH_9.9\r\n'), 'GOAWAY INTERNAL_ERROR', 'its banner, 21 bytes'),
    beginning(
      'PROXY protocol',
      Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n'),
      'GOAWAY INTERNAL_ERROR',
      'its line',
    ),
    beginning(
      'a frame that is cut off, and the end',
      Buffer.concat([greeting, frame(TYPE.PING, 0, 0, Buffer.alloc(3), 8)]),
      'closed',
      'PING of 8 bytes, 3 of them',
      true,
    ),
    http2Case('half a frame header, and the end', '4 bytes after the greeting', 'closed', (victim) =>
      onConnection(victim, async (connection) => {
        await connection.greet();
        await connection.send(Buffer.from([0, 0, 8, 6]));
        connection.end();
        return connection.ended();
      }),
    ),
  ];
}

function frames(): HostileCase[] {
  const open = headers(1, CALL);
  return [
    then('an unknown frame type', 'type 0xfa on stream 0', 'OK', (c) =>
      c.send(frame(0xfa, 0xff, 0, Buffer.alloc(100))),
    ),
    then('an unknown frame type on an idle stream', 'type 0xfa on stream 99', 'OK', (c) => c.send(frame(0xfa, 0, 99))),
    then('ALTSVC', 'which only servers send', 'OK', (c) => c.send(frame(0x0a, 0, 0, Buffer.alloc(10)))),
    then('ORIGIN', 'which only servers send', 'OK', (c) => c.send(frame(0x0c, 0, 0, Buffer.alloc(10)))),
    then('a frame of 16,385 bytes', 'one more than allowed', SIZE, (c) =>
      c.send(frame(TYPE.PING, 0, 0, Buffer.alloc(16_385))),
    ),
    then('a frame of 16 MiB − 1', 'DATA, which says so', SIZE, (c) =>
      c.send(open, frame(TYPE.DATA, 0, 1, Buffer.alloc(16_384), 2 ** 24 - 1)),
    ),
    then('DATA on stream 0', '', PROTOCOL, (c) => c.send(data(0, GOOD))),
    then('DATA on an idle stream', 'stream 5', PROTOCOL, (c) => c.send(data(5, GOOD))),
    then('DATA on an even stream', 'stream 2', PROTOCOL, (c) => c.send(data(2, GOOD))),
    then('DATA with more padding than frame', 'a padding of 255 in 10 bytes', PROTOCOL, (c) =>
      c.send(open, frame(TYPE.DATA, FLAG.PADDED, 1, Buffer.alloc(10, 255))),
    ),
    then('padded DATA of no byte', '', PROTOCOL, (c) => c.send(open, frame(TYPE.DATA, FLAG.PADDED, 1))),
    then('HEADERS on stream 0', '', PROTOCOL, (c) => c.send(headers(0, CALL))),
    then('HEADERS on an even stream', 'stream 2', PROTOCOL, (c) => c.send(headers(2, CALL))),
    then('HEADERS on a lower stream', 'stream 1 after stream 5', 'OK', (c) =>
      c.send(headers(5, CALL), data(5, GOOD, 1), headers(1, CALL)),
    ),
    then('HEADERS of no byte, padded', '', PROTOCOL, (c) =>
      c.send(frame(TYPE.HEADERS, FLAG.PADDED | FLAG.END_HEADERS, 1)),
    ),
    then('HEADERS with more padding than frame', '', PROTOCOL, (c) =>
      c.send(frame(TYPE.HEADERS, FLAG.PADDED | FLAG.END_HEADERS, 1, Buffer.alloc(10, 255))),
    ),
    then('HEADERS with a priority cut off', '4 of 5 bytes', SIZE, (c) =>
      c.send(frame(TYPE.HEADERS, FLAG.PRIORITY | FLAG.END_HEADERS, 1, Buffer.alloc(4))),
    ),
    then('HEADERS that depend on themselves', 'priority of stream 1 on stream 1', PROTOCOL, (c) =>
      c.send(
        frame(
          TYPE.HEADERS,
          FLAG.PRIORITY | FLAG.END_HEADERS,
          1,
          Buffer.concat([uint32(1), Buffer.of(1), encodeHeaders(CALL)]),
        ),
        reset(1),
      ),
    ),
    then('HEADERS on a half-closed stream', 'after END_STREAM', 'GOAWAY STREAM_CLOSED', (c) =>
      c.send(
        headers(1, callHeaders('/parameter.v1.ParameterService/Watch')),
        data(1, message(encoded('Watch', { prefixes: ['x'] })), 1),
        headers(1, CALL),
      ),
    ),
    then('PRIORITY on stream 0', '', 'OK', (c) => c.send(frame(TYPE.PRIORITY, 0, 0, Buffer.alloc(5)))),
    then('PRIORITY of 4 bytes', '', SIZE, (c) => c.send(frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(4)))),
    then('PRIORITY on an idle stream', 'stream 99', 'OK', (c) => c.send(frame(TYPE.PRIORITY, 0, 99, Buffer.alloc(5)))),
    then('PRIORITY on itself', 'stream 3 on stream 3', 'OK', (c) =>
      c.send(frame(TYPE.PRIORITY, 0, 3, Buffer.concat([uint32(3), Buffer.of(1)]))),
    ),
    then('RST_STREAM on stream 0', '', PROTOCOL, (c) => c.send(reset(0))),
    then('RST_STREAM on an idle stream', 'stream 99', PROTOCOL, (c) => c.send(reset(99))),
    then('RST_STREAM of 3 bytes', '', SIZE, (c) => c.send(open, frame(TYPE.RST_STREAM, 0, 1, Buffer.alloc(3)))),
    then('RST_STREAM with an unknown code', '2³² − 1', 'OK', (c) => c.send(open, reset(1, 2 ** 32 - 1))),
    then('RST_STREAM twice', 'of one stream', 'OK', (c) => c.send(open, reset(1), reset(1))),
    then('SETTINGS on a stream', 'stream 1', PROTOCOL, (c) => c.send(frame(TYPE.SETTINGS, 0, 1))),
    then('SETTINGS of 5 bytes', '', SIZE, (c) => c.send(frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(5)))),
    then('SETTINGS with ACK and contents', '', SIZE, (c) => c.send(frame(TYPE.SETTINGS, FLAG.ACK, 0, setting(3, 1)))),
    then('SETTINGS with an ACK too many', '', PROTOCOL, (c) =>
      c.send(frame(TYPE.SETTINGS, FLAG.ACK, 0), frame(TYPE.SETTINGS, FLAG.ACK, 0), frame(TYPE.SETTINGS, FLAG.ACK, 0)),
    ),
    then('SETTINGS: push of 2', '', PROTOCOL, (c) => c.send(settings([[SETTING.ENABLE_PUSH, 2]]))),
    then('SETTINGS: a window of 2³¹', '', FLOW, (c) => c.send(settings([[SETTING.INITIAL_WINDOW_SIZE, 2 ** 31]]))),
    then('SETTINGS: frames of 16,383 bytes', '', PROTOCOL, (c) => c.send(settings([[SETTING.MAX_FRAME_SIZE, 16_383]]))),
    then('SETTINGS: frames of 16 MiB', '', PROTOCOL, (c) => c.send(settings([[SETTING.MAX_FRAME_SIZE, 2 ** 24]]))),
    then('SETTINGS: a header table of 4 GiB − 1', '', 'OK', (c) =>
      c.send(
        settings([
          [SETTING.HEADER_TABLE_SIZE, 2 ** 32 - 1],
          [SETTING.HEADER_TABLE_SIZE, 0],
        ]),
      ),
    ),
    then('SETTINGS: an unknown one', '0xffff', 'OK', (c) => c.send(settings([[0xffff, 7]]))),
    then('SETTINGS: 33 of them', 'in one frame', 'GOAWAY ENHANCE_YOUR_CALM', (c) =>
      c.send(settings(Array(33).fill([0xff00, 1]))),
    ),
    then('PUSH_PROMISE', 'from a client', PROTOCOL, (c) =>
      c.send(open, frame(TYPE.PUSH_PROMISE, FLAG.END_HEADERS, 1, Buffer.concat([uint32(2), encodeHeaders(CALL)]))),
    ),
    then('PING on a stream', 'stream 1', PROTOCOL, (c) => c.send(frame(TYPE.PING, 0, 1, Buffer.alloc(8)))),
    then('PING of 7 bytes', '', SIZE, (c) => c.send(frame(TYPE.PING, 0, 0, Buffer.alloc(7)))),
    then('an answer to no PING', 'PING with ACK', 'GOAWAY INTERNAL_ERROR', (c) =>
      c.send(frame(TYPE.PING, FLAG.ACK, 0, Buffer.alloc(8))),
    ),
    then('GOAWAY on a stream', 'stream 1', PROTOCOL, (c) => c.send(frame(TYPE.GOAWAY, 0, 1, Buffer.alloc(8)))),
    then('GOAWAY of 7 bytes', '', SIZE, (c) => c.send(frame(TYPE.GOAWAY, 0, 0, Buffer.alloc(7)))),
    then('GOAWAY with an unknown code', '2³² − 1', 'closed', (c) =>
      c.send(frame(TYPE.GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(2 ** 32 - 1)]))),
    ),
    then('WINDOW_UPDATE of 3 bytes', '', SIZE, (c) => c.send(frame(TYPE.WINDOW_UPDATE, 0, 0, Buffer.alloc(3)))),
    then('WINDOW_UPDATE by 0', 'of the connection', PROTOCOL, (c) => c.send(windowUpdate(0, 0))),
    then('WINDOW_UPDATE beyond 2³¹ − 1', 'of the connection', FLOW, (c) => c.send(windowUpdate(0, 2 ** 31 - 1))),
    then('WINDOW_UPDATE on an idle stream', 'stream 99', PROTOCOL, (c) => c.send(windowUpdate(99, 1))),
    onStream('WINDOW_UPDATE by 0 on a stream', 'stream 1', PROTOCOL, open, windowUpdate(1, 0)),
    onStream('WINDOW_UPDATE beyond 2³¹ − 1 on a stream', 'stream 1', FLOW, open, windowUpdate(1, 2 ** 31 - 1)),
    then('CONTINUATION on stream 0', '', PROTOCOL, (c) => c.send(frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 0))),
    then('CONTINUATION without HEADERS', 'stream 1', PROTOCOL, (c) =>
      c.send(frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 1)),
    ),
    then('CONTINUATION of another stream', 'stream 3 after HEADERS of stream 1', PROTOCOL, (c) =>
      c.send(headers(1, CALL, 0), frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 3)),
    ),
    then('a PING among headers', 'between HEADERS and CONTINUATION', PROTOCOL, (c) =>
      c.send(headers(1, CALL, 0), frame(TYPE.PING, 0, 0, Buffer.alloc(8))),
    ),
    then('more DATA than the window of the connection', '70,000 bytes at once, beyond 65,535', 'OK', (c) =>
      c.send(open, data(1, Buffer.alloc(70_000))),
    ),
    onStream(
      'DATA after END_STREAM',
      'on stream 1',
      'GOAWAY STREAM_CLOSED',
      headers(1, callHeaders('/parameter.v1.ParameterService/Watch')),
      data(1, message(encoded('Watch', { prefixes: ['x'] })), 1),
      data(1, GOOD),
    ),
    onStream(
      'trailers without END_STREAM',
      'HEADERS twice',
      'RST_STREAM PROTOCOL_ERROR',
      open,
      data(1, GOOD),
      headers(1, [['x', 'y']]),
    ),
    onStream(
      'trailers with a pseudo-header',
      '`:path` in trailers',
      'RST_STREAM PROTOCOL_ERROR',
      open,
      data(1, GOOD),
      headers(1, [[':path', '/']], 5),
    ),
    onStream(
      'the same stream twice',
      'two calls on stream 1',
      'GOAWAY STREAM_CLOSED',
      headers(1, CALL),
      data(1, GOOD, 1),
      headers(1, CALL),
      data(1, GOOD, 1),
    ),
  ];
}

function hpack(): HostileCase[] {
  const block = (...parts: Buffer[]) =>
    frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, 1, Buffer.concat(parts));
  /** Literal with indexing: goes into the dynamic table. */
  const indexed = (name: string, value: string) => Buffer.concat([Buffer.of(0x40), text(name), text(value)]);
  const bad = (name: string, sends: string, ...parts: Buffer[]) =>
    then(name, sends, COMPRESSION, (c) => c.send(block(...parts)));
  return [
    bad('HPACK: index 0', '', Buffer.of(0x80)),
    bad('HPACK: an index that there is not', '62, of an empty table', Buffer.of(0x80 | 62)),
    bad('HPACK: an index of 2⁶³', '', Buffer.concat([Buffer.of(0xff), Buffer.alloc(9, 0xff), Buffer.of(0)])),
    bad('HPACK: a length that passes the end', '1 MiB', Buffer.of(0), integer(1 << 20, 7), Buffer.from('x')),
    bad('HPACK: a number that does not end', '', Buffer.concat([Buffer.of(0xff), Buffer.alloc(100, 0xff)])),
    bad(
      'HPACK: padding of Huffman that is too long',
      'two bytes of ones',
      Buffer.of(0),
      Buffer.from([0x82, 0xff, 0xff]),
      text('x'),
    ),
    bad(
      'HPACK: the end symbol of Huffman',
      'EOS in a name',
      Buffer.of(0),
      Buffer.from([0x84, 0xff, 0xff, 0xff, 0xff]),
      text('x'),
    ),
    bad('HPACK: a table larger than allowed', 'an update to 1 GiB', integer(1 << 30, 5, 0x20)),
    bad('HPACK: an update of the table after a header', '', encodeHeaders(CALL), Buffer.of(0x20)),
    bad('HPACK: a header that is cut off', '', encodeHeaders(CALL).subarray(0, 20)),
    onStream(
      'HPACK bomb',
      '4 KB in the table, 16,000 times',
      'RST_STREAM ENHANCE_YOUR_CALM',
      frame(TYPE.HEADERS, FLAG.END_STREAM, 1, Buffer.concat([encodeHeaders(CALL), indexed('x', 'y'.repeat(4000))])),
      frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 1, Buffer.alloc(16_000, 0x80 | 62)),
    ),
    onStream('headers of no byte', 'an empty block', 'RST_STREAM PROTOCOL_ERROR', block()),
    onStream('headers of 100 KB', 'in 7 frames', COMPRESSION, headers(1, [...CALL, ['x', 'y'.repeat(100_000)]])),
    then('headers of 1 MB', 'in 63 frames', 'GOAWAY COMPRESSION_ERROR or GOAWAY ENHANCE_YOUR_CALM or closed', (c) =>
      c.send(headers(1, [...CALL, ['x', 'y'.repeat(1_000_000)]])),
    ),
  ];
}

export function http2Cases(): HostileCase[] {
  return [...prefaces(), ...frames(), ...hpack()];
}
