import type { OutgoingHttpHeaders } from 'node:http2';
import type { CallStatus } from './status-table.ts';

/** Of a status without an answer before it. */
export function statusHeaders({ code, details, metadata }: CallStatus): OutgoingHttpHeaders {
  return {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-status': code,
    'grpc-message': encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
}
