import { status as Code, type Server } from '@grpc/grpc-js';
import { timeoutMsOf } from './grpc-timeout.ts';
import type { Serve } from './guard-headers.ts';
import type { Runtime } from './runtime.ts';
import { plainStatus } from './status-table.ts';
import { countStream } from './transport.ts';
import { UnaryCall, type UnaryMethod } from './unary-call.ts';

/** Takes the calls of these methods out of the hands of `server`, which serves the other ones on the same connections. */
export function serveUnary(server: Server, methods: readonly UnaryMethod[], runtime: Runtime): Serve {
  const byPath = new Map(methods.map((method) => [method.path, method]));
  return (stream, headers, rawHeaders) => {
    const method = byPath.get(headers[':path']!);
    if (method === undefined) return false;
    countStream(server, stream);
    const timeoutMs = timeoutMsOf(headers);
    const call = new UnaryCall(stream, headers, timeoutMs, method, runtime);
    if (Number.isNaN(timeoutMs)) call.sendStatus(plainStatus(Code.INTERNAL, 'Invalid grpc-timeout value'));
    else call.hold(metadataBytes(rawHeaders));
    return true;
  };
}

/** As HTTP/2 counts: name, value and 32 for each. */
function metadataBytes(rawHeaders: readonly string[]): number {
  let bytes = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (!name.startsWith(':')) bytes += name.length + rawHeaders[at + 1]!.length + 32;
  }
  return bytes;
}
