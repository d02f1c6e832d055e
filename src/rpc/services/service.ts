import type { MethodDefinition, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { RequestMessage } from '../transport.ts';
import type { UnaryMethod } from '../unary-call.ts';

/** What clients may call of one service. */
export interface Service {
  readonly unary: readonly UnaryMethod[];
  /** Of its streams, which grpc-js serves. */
  readonly definition: ServiceDefinition;
  readonly streams: UntypedServiceImplementation;
}

/** Handlers read requests and write responses as bytes: see handle-stream.ts. */
const PASS = {
  requestSerialize: ({ bytes }: RequestMessage): Buffer => bytes,
  requestDeserialize: (bytes: Buffer): RequestMessage => ({ bytes }),
  responseSerialize: (bytes: Buffer): Buffer => bytes,
  responseDeserialize: (bytes: Buffer): Buffer => bytes,
};

/** Generated methods without their encoders. */
export function passThrough(
  methods: Record<string, Pick<MethodDefinition<never, never>, 'path' | 'requestStream' | 'responseStream'>>,
): ServiceDefinition {
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, { ...method, ...PASS }]));
}

/** Methods that have no generated code. */
export function definitionOf(service: string, methods: Record<string, 'stream' | 'bidi'>): ServiceDefinition {
  const entries = Object.entries(methods).map(([name, shape]) => {
    const path = `/${service}/${name}`;
    return [name, { path, requestStream: shape === 'bidi', responseStream: true }] as const;
  });
  return passThrough(Object.fromEntries(entries));
}
