// All that we take from grpc-js behind its public face, in one place: versions are pinned, and test/rpc/ fails if one of
// these is gone. Wanted: ending a stream whose client does not read (nothing public does: a status waits behind the
// data), the connection of a call, the size of its metadata without copying it, a say in what is kept of its
// request, the headers before it sees them, and that it does not take a connection for idle whose calls it does not see.
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream, ServerOptions } from 'node:http2';
import { constants } from 'node:http2';
import type { Metadata, Server, ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import type { RpcLimits } from './limits.ts';
import type { OpenCall } from './open-calls.ts';
import type { CallStatus } from './status-table.ts';

type ResetLimits = Pick<
  RpcLimits,
  'resetsPerConnectionMax' | 'resetsPerConnectionSecondMax' | 'streamsPerConnectionMax'
>;

/** A message as handlers get it: grpc-js keeps what it gives them until the stream is closed, so its bytes can be taken out. */
export interface RequestMessage {
  bytes: Buffer;
}

/** A call on its stream: a UnaryCall, or grpc-js's. */
export interface BaseCall {
  readonly stream: ServerHttp2Stream;
  /** 'identity' without the header. */
  readonly incomingEncoding: string;
  /** While it is one of the open calls, which keep it here. */
  open?: OpenCall | undefined;
  /** Ends the call, if it has not ended. */
  sendStatus(status: CallStatus): void;
}

/** What grpc-js makes for a stream before any handler runs, and gives to interceptors. */
export interface GrpcCall extends BaseCall {
  readonly metadata: Metadata;
  /** Messages that nobody has taken yet. */
  readonly readQueue: { readonly length: number };
  decoder: Decoder;
  decompressMessage(framed: Buffer, encoding: string): Buffer | Promise<Buffer>;
}

/** Makes messages of what arrives, each with the five bytes before it. */
export interface Decoder {
  write(chunk: Buffer): Buffer[];
  /** The call needs nothing more of what has come, its metadata neither. */
  release(): void;
}

type ServerStream = ServerWritableStream<RequestMessage, Buffer>;

export function baseCall(call: ServerStream | ServerDuplexStream<RequestMessage, Buffer>): GrpcCall {
  return (call as unknown as { call: GrpcCall }).call;
}

const NONE = Buffer.alloc(0);

/** Its handler is done with the request: a client that does not take the answer holds no memory, and no room, with it. */
export function releaseRequest(call: ServerStream): void {
  const { decoder, metadata } = baseCall(call);
  call.request.bytes = NONE;
  entriesOf(metadata).clear();
  decoder.release();
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

/**
 * grpc-js closes connections on which it has seen no stream for so long: here is one that it does not see. Its own way of
 * counting takes the listener off again, which costs as much as a tenth of a call.
 */
export function countStream(server: Server, stream: ServerHttp2Stream): void {
  const { sessionIdleTimeouts } = server as unknown as { sessionIdleTimeouts: Map<object, IdleTimeout> };
  const idle = sessionIdleTimeouts.get(stream.session!);
  if (idle === undefined) return;
  idle.activeStreams += 1;
  stream.on('close', idle.onClose);
}

interface IdleTimeout {
  activeStreams: number;
  readonly onClose: () => void;
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

function entriesOf(metadata: Metadata): Map<string, (string | Buffer)[]> {
  return (metadata as unknown as { internalRepr: Map<string, (string | Buffer)[]> }).internalRepr;
}
