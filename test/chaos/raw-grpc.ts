/** gRPC on plain node:http2: windows of any size, halves of calls, and thousands of streams for little. */

import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

const GET_PATH = '/parameter.v1.ParameterService/GetParameter';
export const WATCH_PATH = '/parameter.v1.ParameterService/Watch';
const PREFIX_BYTES = 5;

/** @param windowBytes of each stream: how much the server may send that nobody has taken */
export function openSession(port: number, windowBytes?: number): ClientHttp2Session {
  const settings = windowBytes === undefined ? {} : { initialWindowSize: windowBytes };
  const session = connect(`http://127.0.0.1:${port}`, { settings });
  session.on('error', () => {});
  return session;
}

/** Its request is complete; what comes back is the caller's to read. */
export function startCall(
  session: ClientHttp2Session,
  path: string,
  request: Uint8Array,
  timeoutMs?: number,
): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(timeoutMs !== undefined && { 'grpc-timeout': `${timeoutMs}m` }),
  });
  stream.on('error', () => {});
  stream.end(framed(request));
  return stream;
}

/** @returns grpc-status; undefined: there was none */
export function get(session: ClientHttp2Session, request: Uint8Array): Promise<string | undefined> {
  const stream = startCall(session, GET_PATH, request);
  return new Promise((resolve) => {
    let status: string | undefined;
    const note = (headers: Record<string, unknown>) => {
      status ??= headers['grpc-status'] as string | undefined;
    };
    stream.on('response', note).on('trailers', note);
    stream.once('close', () => resolve(status));
    stream.resume();
  });
}

/** Tells of each message of a stream, once it is whole. */
export function onMessages(stream: ClientHttp2Stream, receive: (message: Buffer) => void): void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let needed = PREFIX_BYTES;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes < needed) return;
    // Not for every chunk: of a large message that would copy the same bytes again and again.
    let rest = Buffer.concat(chunks);
    needed = PREFIX_BYTES;
    while (rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) {
        needed = end;
        break;
      }
      receive(rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
    chunks = [rest];
    bytes = rest.length;
  });
}

export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The bytes of a connection that begins a call, and of its request only a part. */
export function halfACall(): Buffer {
  const headers = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', GET_PATH],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ] as const;
  // Each literal, without indexing: what HPACK needs no table for.
  const block = Buffer.concat(headers.map(([name, value]) => Buffer.concat([Buffer.of(0), short(name), short(value)])));
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame({ type: 4, flags: 0, stream: 0 }, Buffer.alloc(0)),
    frame({ type: 1, flags: 4, stream: 1 }, block),
    frame({ type: 0, flags: 0, stream: 1 }, Buffer.of(0, 0, 0, 0, 9, 10)),
  ]);
}

function short(word: string): Buffer {
  return Buffer.concat([Buffer.of(word.length), Buffer.from(word)]);
}

function frame(head: { readonly type: number; readonly flags: number; readonly stream: number }, body: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(body.length, 0, 3);
  header.writeUInt8(head.type, 3);
  header.writeUInt8(head.flags, 4);
  header.writeUInt32BE(head.stream, 5);
  return Buffer.concat([header, body]);
}
