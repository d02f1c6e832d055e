import { status } from '@grpc/grpc-js';
import { messageOf, ParamdRpcError } from '../rpc-error.ts';

const REQUEST_BYTES_MAX = 4 << 20;

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
}

/** A request as a server reads it: what does not fit the wire is refused, and nothing of it is the caller's any more. */
export function sent<T>(codec: Codec<T>, request: T): T {
  const bytes = serialized(codec, request);
  if (bytes.length > REQUEST_BYTES_MAX) {
    const what = `Received message larger than max (${bytes.length} vs ${REQUEST_BYTES_MAX})`;
    throw new ParamdRpcError(status.RESOURCE_EXHAUSTED, what);
  }
  return codec.decode(bytes);
}

function serialized<T>(codec: Codec<T>, request: T): Uint8Array {
  try {
    return codec.encode(request).finish();
  } catch (error) {
    throw new ParamdRpcError(status.INTERNAL, `Request message serialization failure: ${messageOf(error)}`);
  }
}

/** A response as a client reads it: the caller may do with it what it likes. */
export function received<T>(codec: Codec<T>, response: T): T {
  return codec.decode(codec.encode(response).finish());
}
