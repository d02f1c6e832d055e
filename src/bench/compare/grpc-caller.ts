// gRPC calls by bytes, over plain HTTP/2. A gRPC client in Node costs twice what the server does, and would be what is
// measured.
import { connect } from 'node:http2';

export interface GrpcCaller {
  /** @throws Error that names the gRPC status, if it is not 0 */
  call(path: string, request: Uint8Array): Promise<Buffer>;
  close(): void;
}

/** Before each message: not compressed, and its length. */
const PREFIX_BYTES = 5;
const TIMEOUT = '30S';

/** One connection. */
export function openGrpc(target: string): GrpcCaller {
  const session = connect(`http://${target}`);
  session.on('error', () => {});
  return {
    call: (path, request) =>
      new Promise((resolve, reject) => {
        const headers = { ...HEADERS, ':path': path };
        const stream = session.request(headers);
        const chunks: Buffer[] = [];
        let status: unknown;
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('response', (response) => {
          status = response['grpc-status'];
        });
        stream.on('trailers', (trailers) => {
          status = trailers['grpc-status'];
        });
        stream.on('error', reject);
        stream.on('close', () => {
          if (status === '0')
            resolve((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).subarray(PREFIX_BYTES));
          else reject(new Error(`${path} failed with gRPC status ${status ?? 'none'}`));
        });
        stream.end(framed(request));
      }),
    close: () => session.close(),
  };
}

const HEADERS = {
  ':method': 'POST',
  'content-type': 'application/grpc',
  te: 'trailers',
  'grpc-timeout': TIMEOUT,
};

function framed(request: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + request.length);
  frame[0] = 0;
  frame.writeUInt32BE(request.length, 1);
  frame.set(request, PREFIX_BYTES);
  return frame;
}
