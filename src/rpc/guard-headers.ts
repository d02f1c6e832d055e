// Looks over the headers of a call before grpc-js does, which takes any verb, any content type that begins like its own,
// whatever has a time somewhere in `grpc-timeout`, and of a time beyond 24 days makes one that is over at once.
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { GRPC_TIMEOUT, timeoutMsOf } from './grpc-timeout.ts';
import { http2ServersOf } from './transport.ts';

const CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/;
/** setTimeout takes 32 bits. A longer time is none at all: connections are renewed before. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** @returns whether it serves the call: grpc-js is not to see it */
export type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]) => boolean;

/**
 * Call it when all that `server` will serve on has been made.
 * @param serves calls that are as they should be, but for their times
 */
export function guardHeaders(server: Server, serves: Serve): void {
  for (const http2Server of http2ServersOf(server)) {
    const handlers = http2Server.listeners('stream') as ((stream: ServerHttp2Stream, headers: object) => void)[];
    http2Server.removeAllListeners('stream');
    http2Server.on('stream', (stream, headers, _flags, rawHeaders) => {
      const status = refusal(headers);
      if (status !== undefined) return refuse(stream, status);
      if (serves(stream, headers, rawHeaders)) return;
      mendTimeout(headers);
      for (const handle of handlers) handle(stream, headers);
    });
  }
}

/** Of HTTP: none of gRPC's is for those who do not speak it. */
function refusal(headers: IncomingHttpHeaders): number | undefined {
  if (headers[':method'] !== 'POST') return constants.HTTP_STATUS_METHOD_NOT_ALLOWED;
  if (!CONTENT_TYPE.test(headers['content-type'] ?? '')) return constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE;
  return undefined;
}

function mendTimeout(headers: IncomingHttpHeaders): void {
  const timeoutMs = timeoutMsOf(headers);
  // Something that grpc-js does not understand either, and answers.
  if (Number.isNaN(timeoutMs)) headers[GRPC_TIMEOUT] = '?';
  else if (timeoutMs > TIMEOUT_MS_MAX) delete headers[GRPC_TIMEOUT];
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  stream.on('error', () => undefined);
  stream.respond({ ':status': status }, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}
