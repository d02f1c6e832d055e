// Under overload most calls are refused. Through grpc-js that costs as much as a small answer; here it is the headers of
// the call, and those of a status that was made before.
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { ParameterServiceService } from '../../gen/parameter/v1/parameter_service.ts';
import { statusName } from './handle-unary.ts';
import { oneOf } from './refusals.ts';
import type { Runtime } from './runtime.ts';

/** A watch costs little once it is open; health and statistics are told above all when there is too much to do. */
const REFUSED: ReadonlySet<string> = new Set(
  Object.values(ParameterServiceService)
    .filter((method) => !method.responseStream)
    .map(({ path }) => path),
);

/** @returns what ends a call whose headers have come if there is no room for it; true: it did */
export function earlyRefusal(runtime: Runtime): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean {
  const { queue, refusals, observer, connectionOf } = runtime;
  const answers: OutgoingHttpHeaders[] = refusals.map(({ code, details, metadata }) => ({
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-status': code,
    'grpc-message': encodeURI(details),
    ...metadata.toHttp2Headers(),
  }));
  const status = statusName(refusals[0]!.code);
  return (stream, headers) => {
    const path = headers[':path']!;
    if (!REFUSED.has(path) || !queue.isFull()) return false;
    stream.on('error', () => undefined);
    stream.respond({ ...oneOf(answers) }, { endStream: true });
    stream.close(constants.NGHTTP2_NO_ERROR);
    observer.started(path)({ status, peer: connectionOf({ stream }).peer });
    return true;
  };
}
