import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { RequestMessage } from '../transport.ts';

/** Handlers read requests and write responses as bytes: see handle-unary.ts. */
const PASS = {
  requestSerialize: ({ bytes }: RequestMessage): Buffer => bytes,
  requestDeserialize: (bytes: Buffer): RequestMessage => ({ bytes }),
  responseSerialize: (bytes: Buffer): Buffer => bytes,
  responseDeserialize: (bytes: Buffer): Buffer => bytes,
};

/** A generated service without its encoders. */
export function passThrough(
  service: Record<string, Pick<MethodDefinition<never, never>, 'path' | 'requestStream' | 'responseStream'>>,
): ServiceDefinition {
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, { ...method, ...PASS }]));
}

/** A service that has no generated code. */
export function definitionOf(service: string, methods: Record<string, 'unary' | 'stream' | 'bidi'>): ServiceDefinition {
  const entries = Object.entries(methods).map(([name, shape]) => {
    const method = {
      path: `/${service}/${name}`,
      requestStream: shape === 'bidi',
      responseStream: shape !== 'unary',
      ...PASS,
    };
    return [name, method] as const;
  });
  return Object.fromEntries(entries);
}
