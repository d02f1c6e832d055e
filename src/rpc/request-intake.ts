import type { ServerInterceptor } from '@grpc/grpc-js';
import type { HeldRequests } from './held-requests.ts';
import { inflated } from './inflated.ts';
import type { RpcLimits } from './limits.ts';
import { RequestDecoder } from './request-decoder.ts';
import { type GrpcCall, metadataBytes } from './transport.ts';

/** Sees every call of grpc-js when its headers have come: all that it brings is bounded from here on. */
export function requestIntake({ metadataBytesMax, requestBytesMax }: RpcLimits, held: HeldRequests): ServerInterceptor {
  return ({ path, requestStream }, call) => {
    const base = call as unknown as GrpcCall;
    const request = new RequestDecoder(base, path, requestBytesMax, held, requestStream ? base.readQueue : undefined);
    base.decoder = request;
    const { incomingEncoding } = base;
    if (incomingEncoding !== 'identity') {
      base.decompressMessage = (framed, encoding) => inflated(framed, encoding, request, requestBytesMax);
    }
    const bytes = metadataBytes(base.metadata);
    if (bytes > metadataBytesMax) {
      held.refuse(request, { reason: 'LIMIT_EXCEEDED', limit: 'metadata_bytes', maximum: metadataBytesMax });
    } else request.hold(bytes);
    return call as ReturnType<ServerInterceptor>;
  };
}
