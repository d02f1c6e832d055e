// Frames of HTTP/2 (RFC 9113) and gRPC, correct or not: nothing here checks anything.
import { encodeHeaders, type Header } from './hpack.ts';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const FLAG = { NONE: 0, END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 0x20 } as const;

export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
} as const;

export const ERROR_NAMES = [
  ...['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT', 'STREAM_CLOSED'],
  ...['FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM'],
];

/** Unless SETTINGS allow more. */
export const FRAME_BYTES_MAX = 16_384;

/** @param length what the frame says of it, if that is not true */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
  length?: number,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length ?? payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

export function settings(entries: readonly (readonly [id: number, value: number])[] = []): Buffer {
  return frame(TYPE.SETTINGS, FLAG.NONE, 0, Buffer.concat(entries.map(([id, value]) => setting(id, value))));
}

export function setting(id: number, value: number): Buffer {
  const entry = Buffer.alloc(6);
  entry.writeUInt16BE(id, 0);
  entry.writeUInt32BE(value >>> 0, 2);
  return entry;
}

/** With CONTINUATION where they do not fit into a frame. */
export function headers(stream: number, list: readonly Header[], flags: number = FLAG.END_HEADERS): Buffer {
  const block = encodeHeaders(list);
  if (block.length <= FRAME_BYTES_MAX) return frame(TYPE.HEADERS, flags, stream, block);
  const parts = [frame(TYPE.HEADERS, flags & ~FLAG.END_HEADERS, stream, block.subarray(0, FRAME_BYTES_MAX))];
  for (let at = FRAME_BYTES_MAX; at < block.length; at += FRAME_BYTES_MAX) {
    const isLast = at + FRAME_BYTES_MAX >= block.length;
    const part = block.subarray(at, at + FRAME_BYTES_MAX);
    parts.push(frame(TYPE.CONTINUATION, isLast ? flags & FLAG.END_HEADERS : FLAG.NONE, stream, part));
  }
  return Buffer.concat(parts);
}

/** The whole of it in frames of at most 16 KiB. */
export function data(stream: number, bytes: Uint8Array, flags: number = FLAG.NONE): Buffer {
  const frames: Buffer[] = [];
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at === 0 || at < whole.length; at += FRAME_BYTES_MAX) {
    const isLast = at + FRAME_BYTES_MAX >= whole.length;
    frames.push(frame(TYPE.DATA, isLast ? flags : FLAG.NONE, stream, whole.subarray(at, at + FRAME_BYTES_MAX)));
  }
  return Buffer.concat(frames);
}

export function reset(stream: number, code = 8): Buffer {
  return frame(TYPE.RST_STREAM, FLAG.NONE, stream, uint32(code));
}

export function windowUpdate(stream: number, by: number): Buffer {
  return frame(TYPE.WINDOW_UPDATE, FLAG.NONE, stream, uint32(by));
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** A message of gRPC. */
export function message(bytes: Uint8Array, flag = 0, length = bytes.length): Buffer {
  return Buffer.concat([Buffer.of(flag), uint32(length), bytes]);
}

/** Those of a call of gRPC, some of them changed; undefined leaves one out. */
export function callHeaders(path: string, changed: Readonly<Record<string, string | undefined>> = {}): Header[] {
  const all: Record<string, string | undefined> = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'paramd',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...changed,
  };
  return Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}
