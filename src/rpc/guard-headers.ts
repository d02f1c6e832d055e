// Looks over the headers of a call before grpc-js does, which takes any verb, any content type that begins like its own,
// whatever has a time somewhere in `grpc-timeout`, and of a time beyond 24 days makes one that is over at once.
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { http2ServersOf } from './transport.ts';

const CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/;
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** setTimeout takes 32 bits. A longer time is none at all: connections are renewed before. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/**
 * Call it when all that `server` will serve on has been made.
 * @param ends a call that is as it should be, and says whether it has
 */
export function guardHeaders(
  server: Server,
  ends: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean,
): void {
  for (const http2Server of http2ServersOf(server)) {
    const handlers = http2Server.listeners('stream') as ((stream: ServerHttp2Stream, headers: object) => void)[];
    http2Server.removeAllListeners('stream');
    http2Server.on('stream', (stream, headers) => {
      const status = refusal(headers);
      if (status !== undefined) refuse(stream, status);
      else if (!ends(stream, headers)) for (const handle of handlers) handle(stream, headers);
    });
  }
}

/** Of HTTP: none of gRPC's is for those who do not speak it. */
function refusal(headers: IncomingHttpHeaders): number | undefined {
  if (headers[':method'] !== 'POST') return constants.HTTP_STATUS_METHOD_NOT_ALLOWED;
  if (!CONTENT_TYPE.test(headers['content-type'] ?? '')) return constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE;
  const timeout = headers['grpc-timeout'];
  if (timeout === undefined) return undefined;
  const [, digits, unit = ''] = TIMEOUT.exec(String(timeout)) ?? [];
  // Something that grpc-js does not understand either, and answers.
  if (digits === undefined) headers['grpc-timeout'] = '?';
  else if (Number(digits) * UNIT_MS[unit]! > TIMEOUT_MS_MAX) delete headers['grpc-timeout'];
  return undefined;
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  stream.on('error', () => undefined);
  stream.respond({ ':status': status }, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}
