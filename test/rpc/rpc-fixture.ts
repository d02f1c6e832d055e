import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { type ChannelCredentials, type Client, credentials, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, PreconditionFailure, RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import { CacheServiceClient } from '../../gen/parameter/v1/cache_service.ts';
import { Freshness } from '../../gen/parameter/v1/freshness.ts';
import { ParameterServiceClient } from '../../gen/parameter/v1/parameter_service.ts';
import type { CallOutcome } from '../../src/ports/call-observer.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type RpcServer, type RpcServerOptions, startRpcServer } from '../../src/rpc/rpc-server.ts';
import { type FakeCore, fakeCore } from './fake-core.ts';

export interface Fixture {
  readonly core: FakeCore;
  readonly server: RpcServer;
  readonly outcomes: (CallOutcome & { readonly method: string })[];
  readonly parameters: ParameterServiceClient;
  readonly cache: CacheServiceClient;
  /** A client with a connection of its own. */
  connect<C extends Client>(type: ClientType<C>, options?: Record<string, unknown>): C;
  close(): Promise<void>;
}

type ClientType<C> = new (target: string, credentials: ChannelCredentials, options?: Record<string, unknown>) => C;

export async function startFixture(
  over: Partial<RpcServerOptions> = {},
  channel: ChannelCredentials = credentials.createInsecure(),
): Promise<Fixture> {
  const core = fakeCore();
  const outcomes: Fixture['outcomes'] = [];
  const server = await startRpcServer({
    core,
    clock: realClock,
    observer: { started() {}, ended: (method, _ms, outcome) => outcomes.push({ method, ...outcome }) },
    telemetry: { add: () => {} },
    listen: { host: '127.0.0.1', port: 0 },
    secret: Buffer.alloc(32, 7),
    identity: { replicaId: 'replica-1', version: '1.2.3', startedAtMs: realClock.monotonicMs() - 5000 },
    ...over,
  });
  const clients: Client[] = [];
  const connect: Fixture['connect'] = (type, options) => {
    const local = { 'grpc.use_local_subchannel_pool': 1, ...options };
    const client = new type(`localhost:${server.port}`, channel, local);
    clients.push(client);
    return client;
  };
  return {
    core,
    server,
    outcomes,
    parameters: connect(ParameterServiceClient),
    cache: connect(CacheServiceClient),
    connect,
    async close() {
      for (const client of clients) client.close();
      await server.drain(100);
    },
  };
}

export const realClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (ms, run) => {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A unary call as a promise. */
export function ask<Q, R>(
  method: (request: Q, callback: (error: ServiceError | null, response: R) => void) => unknown,
  request: Q,
): Promise<R> {
  return new Promise((resolve, reject) => {
    method(request, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** The error that it fails with. */
export async function failure(promise: Promise<unknown>): Promise<RichError> {
  try {
    await promise;
  } catch (error) {
    return richError(error as ServiceError);
  }
  throw new Error('it did not fail');
}

export interface RichError {
  readonly code: number;
  readonly message: string;
  readonly reason: string | undefined;
  readonly metadata: Record<string, string>;
  readonly retryMs: number | undefined;
  readonly fields: readonly string[];
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly preconditions: readonly { readonly subject: string; readonly description: string }[];
  readonly freshness: Freshness | undefined;
  readonly detailsBytes: number;
}

export function richError(error: { code: number; details: string; metadata?: Metadata }): RichError {
  const [encoded] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const status = encoded instanceof Buffer ? Status.decode(encoded) : undefined;
  const detail = <T>(name: string, type: { decode(bytes: Uint8Array): T }): T | undefined => {
    const any = status?.details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/${name}`);
    return any && type.decode(any.value);
  };
  const info = detail('google.rpc.ErrorInfo', ErrorInfo);
  const delay = detail('google.rpc.RetryInfo', RetryInfo)?.retryDelay;
  const violations = detail('google.rpc.BadRequest', BadRequest)?.fieldViolations ?? [];
  return {
    code: error.code,
    message: error.details,
    reason: info?.reason,
    metadata: Object.fromEntries(info?.metadata ?? []),
    retryMs: delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    fields: violations.map(({ field }) => field),
    violations,
    preconditions: detail('google.rpc.PreconditionFailure', PreconditionFailure)?.violations ?? [],
    freshness: detail('parameter.v1.Freshness', Freshness),
    detailsBytes: encoded?.length ?? 0,
  };
}

/** Waits for a condition, not for a time. */
export async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export interface RawCall {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  /** Resolves when the stream is closed, to what the status was, if any came. */
  readonly ended: Promise<{ readonly code: number; readonly message: string } | undefined>;
}

/** A call by bare HTTP/2, for what no gRPC client does. `message` undefined: the request is left open. */
export function rawCall(
  port: number,
  path: string,
  message: Uint8Array | undefined,
  headers = {},
  over?: Pick<RawCall, 'session'>,
): RawCall {
  const session = over?.session ?? connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  if (message !== undefined) {
    const frame = Buffer.alloc(5 + message.length);
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, 5);
    stream.end(frame);
  }
  let status: { code: number; message: string } | undefined;
  const take = (received: Record<string, unknown>): void => {
    if (received['grpc-status'] === undefined) return;
    status = { code: Number(received['grpc-status']), message: decodeURI(String(received['grpc-message'])) };
  };
  stream.on('response', take);
  stream.on('trailers', take);
  stream.on('error', () => undefined);
  const ended = new Promise<typeof status>((resolve) => {
    stream.once('close', () => resolve(status));
  });
  return { session, stream, ended };
}
