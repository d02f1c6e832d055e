// All that we take from grpc-js behind its public face, in one place: versions are pinned, and test/rpc/ fails if one of
// these is gone. Wanted: ending a stream whose client does not read (nothing public does: a status waits behind the
// data), the connection of a call, the size of its metadata without copying it, a say in what is kept of its
// request, and the headers before it sees them.
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream, ServerOptions } from 'node:http2';
import { constants } from 'node:http2';
import type { Metadata, Server, ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';

import type { RpcLimits } from './limits.ts';

type ResetLimits = Pick<
  RpcLimits,
  'resetsPerConnectionMax' | 'resetsPerConnectionSecondMax' | 'streamsPerConnectionMax'
>;

/** A message as handlers get it: grpc-js keeps what it gives them until the stream is closed, so its bytes can be taken out. */
export interface RequestMessage {
  bytes: Buffer;
}

export type AnyServerCall = ServerUnaryCall<RequestMessage, Buffer> | ServerWritableStream<RequestMessage, Buffer>;

/** What grpc-js makes for a stream before any handler runs, and gives to interceptors. */
export interface BaseCall {
  readonly stream: ServerHttp2Stream;
  readonly metadata: Metadata;
  /** 'identity' without the header. */
  readonly incomingEncoding: string;
  /** Messages that nobody has taken yet. */
  readonly readQueue: { readonly length: number };
  decoder: Decoder;
  decompressMessage(framed: Buffer, encoding: string): Buffer | Promise<Buffer>;
  sendStatus(status: { code: number; details: string; metadata: Metadata | null }): void;
}

/** Makes messages of what arrives, each with the five bytes before it. */
export interface Decoder {
  write(chunk: Buffer): Buffer[];
  /** The call needs nothing more of what has come, its metadata neither. */
  release(): void;
}

export function baseCall(call: AnyServerCall | ServerDuplexStream<RequestMessage, Buffer>): BaseCall {
  return (call as unknown as { call: BaseCall }).call;
}

const NONE = Buffer.alloc(0);

/** Its handler is done with the request: a client that does not take the answer holds no memory, and no room, with it. */
export function releaseRequest(call: AnyServerCall): void {
  call.request.bytes = NONE;
  baseCall(call).decoder.release();
}

export function sessionOf(base: Pick<BaseCall, 'stream'>): ServerHttp2Session | undefined {
  return base.stream.session as ServerHttp2Session | undefined;
}

/** One for each address or injector. */
export function http2ServersOf(server: Server): Http2Server[] {
  return [...(server as unknown as { http2Servers: Map<Http2Server, unknown> }).http2Servers.keys()];
}

/**
 * Before it listens. Node closes a connection on which 33 calls per second are cancelled, a thousand at once, or a hundred
 * come on top of those that it may have: deadlines of many callers who share a connection bring as much, above all when a
 * process wakes that was frozen.
 */
export function allowResets(server: Server, limits: ResetLimits): void {
  const { commonServerOptions } = server as unknown as { commonServerOptions: ServerOptions };
  // Node takes the two of them together only.
  commonServerOptions.streamResetBurst = limits.resetsPerConnectionMax;
  commonServerOptions.streamResetRate = limits.resetsPerConnectionSecondMax;
  commonServerOptions.maxSessionRejectedStreams = limits.streamsPerConnectionMax;
}

/** Ends the stream at once, whatever is queued on it. */
export function closeStream(base: BaseCall): void {
  base.stream.close(constants.NGHTTP2_CANCEL);
}

export function streamIsClosed(base: BaseCall): boolean {
  return base.stream.destroyed || base.stream.closed;
}

/** As HTTP/2 counts: name, value and 32 for each. */
export function metadataBytes(metadata: Metadata): number {
  let bytes = 0;
  for (const [name, values] of entriesOf(metadata)) {
    for (const value of values) bytes += name.length + value.length + 32;
  }
  return bytes;
}

export function clearMetadata(metadata: Metadata): void {
  entriesOf(metadata).clear();
}

function entriesOf(metadata: Metadata): Map<string, (string | Buffer)[]> {
  return (metadata as unknown as { internalRepr: Map<string, (string | Buffer)[]> }).internalRepr;
}
