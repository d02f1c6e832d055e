// Under overload most calls are refused. Through grpc-js that costs as much as a small answer; here it is the headers of
// the call, and those of a status that was made before.
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { ParameterServiceService } from '../../gen/parameter/v1/parameter_service.ts';
import { oneOf, REFUSALS } from './refusals.ts';
import type { Runtime } from './runtime.ts';
import { statusHeaders } from './status-headers.ts';
import { statusName } from './status-table.ts';

/** A watch costs little once it is open; health and statistics are told above all when there is too much to do. */
const REFUSED: ReadonlySet<string> = new Set(
  Object.values(ParameterServiceService)
    .filter((method) => !method.responseStream)
    .map(({ path }) => path),
);

const ANSWERS = REFUSALS.map(statusHeaders);
const STATUS = statusName(REFUSALS[0]!.code);

/** @returns what ends a call whose headers have come if there is too much to do; true: it did */
export function earlyRefusal(runtime: Runtime): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean {
  const { overload, observer, connectionOf } = runtime;
  return (stream, headers) => {
    const path = headers[':path']!;
    if (!REFUSED.has(path) || !overload.refuses()) return false;
    stream.on('error', () => undefined);
    stream.respond(oneOf(ANSWERS), { endStream: true });
    stream.close(constants.NGHTTP2_NO_ERROR);
    observer.started(path);
    observer.ended(path, 0, { status: STATUS, peer: connectionOf({ stream }).peer });
    return true;
  };
}
