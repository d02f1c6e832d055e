// The gRPC server on its socket. grpc-js could listen by itself; but then nothing counts connections, closes those that
// say nothing, or stops accepting while calls finish. So the sockets are ours, and grpc-js gets those that are accepted.
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { type ConnectionInjector, logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import type { ParamdCore } from '../core/api.ts';
import type { CallObserver } from '../ports/call-observer.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { burstOf } from './admission.ts';
import { connections } from './connections.ts';
import { ReloadableCredentials, type TlsFiles } from './credentials.ts';
import { Deadlines } from './deadlines.ts';
import { earlyRefusal } from './early-refusal.ts';
import { guardHeaders } from './guard-headers.ts';
import { heldRequests } from './held-requests.ts';
import { type RpcLimits, rpcLimits } from './limits.ts';
import { openCalls } from './open-calls.ts';
import { openStreams } from './open-streams.ts';
import { type BusyShare, Overload } from './overload.ts';
import { pageTokens } from './page-tokens.ts';
import { requestIntake } from './request-intake.ts';
import type { Identity, Runtime } from './runtime.ts';
import { serveUnary } from './serve-unary.ts';
import { cacheService } from './services/cache-service.ts';
import { healthService, type Serving, setServing } from './services/health-service.ts';
import { parameterService } from './services/parameter-service.ts';
import { handleReflection, loadDescriptors, reflectionDefinition } from './services/reflection-service.ts';
import { allowResets } from './transport.ts';
import type { UnaryMethod } from './unary-call.ts';

export interface RpcServerOptions {
  readonly core: ParamdCore;
  readonly clock: Clock;
  readonly observer: CallObserver;
  readonly telemetry: Pick<Telemetry, 'add'>;
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls?: TlsFiles | undefined;
  readonly limits?: Partial<RpcLimits>;
  /** The installation's; page tokens are authenticated with a key derived from it. */
  readonly secret: Uint8Array;
  readonly identity: Identity;
  /** By which overload is noticed; by default that of the event loop. */
  readonly busyShare?: BusyShare;
}

export interface RpcServer {
  readonly port: number;
  /** What health tells; false at first. */
  setServing(isServing: boolean): void;
  /** Only with tls: from now on new connections get this certificate. */
  reloadTls(files: TlsFiles): void;
  /** C14. Takes no new connections and calls, ends streams with DRAINING, lets calls finish for `graceMs`, then closes. */
  drain(graceMs: number): Promise<void>;
}

/** @throws if the address cannot be listened on, or the TLS files are none */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  // It writes metadata that is none to the standard error, as it came: any client could write there, and without end.
  setLogVerbosity(logVerbosity.NONE);
  const limits = rpcLimits(options.limits ?? {});
  const { clock } = options;
  const { observer } = options;
  const open = openCalls(clock, limits.unaryTimeoutMs, limits.stallMs);
  const connectionOf = connections(clock, burstOf(limits.ratePerConnectionMax));
  const runtime: Runtime = {
    core: options.core,
    clock,
    observer,
    telemetry: options.telemetry,
    limits,
    tokens: pageTokens(options.secret),
    open,
    deadlines: new Deadlines(clock),
    held: heldRequests({ limits, open, connectionOf, observer }),
    connectionOf,
    streams: openStreams(clock),
    overload: new Overload(clock, open, options.busyShare),
    identity: options.identity,
    draining: false,
  };
  const serving: Serving = { is: false, changed: new Set() };
  const interceptors = [open.interceptor, requestIntake(limits, runtime.held)];
  const server = new Server({ ...channelOptions(limits), interceptors });
  allowResets(server, limits);
  const unary = addServices(server, runtime, serving);

  const credentials = options.tls && new ReloadableCredentials(options.tls, limits.prefaceMs);
  const injector = server.createConnectionInjector(credentials ?? ServerCredentials.createInsecure());
  const refuses = earlyRefusal(runtime);
  const serves = serveUnary(server, unary, runtime);
  guardHeaders(server, (stream, headers, raw) => refuses(stream, headers) || serves(stream, headers, raw));
  const sockets = new Set<Socket>();
  const listener = listenerFor(injector, sockets, limits, clock);
  const port = await listening(listener, options.listen);
  let drained: Promise<void> | undefined;

  return {
    port,
    setServing: (isServing) => setServing(serving, isServing && !runtime.draining),
    reloadTls(files) {
      if (credentials === undefined) throw new Error('this server was started without TLS');
      credentials.reload(files);
    },
    drain(graceMs) {
      drained ??= drain(graceMs, { server, injector, listener, sockets, runtime, serving });
      return drained;
    },
  };
}

/** Defaults are unbounded; nothing here is. */
function channelOptions(limits: RpcLimits) {
  return {
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': limits.requestBytesMax,
    'grpc.max_concurrent_streams': limits.streamsPerConnectionMax,
    'grpc.max_connection_idle_ms': limits.connectionIdleMs,
    'grpc.max_connection_age_ms': limits.connectionAgeMs,
    'grpc.max_connection_age_grace_ms': limits.connectionAgeGraceMs,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
  };
}

/** @returns the methods that grpc-js does not serve */
function addServices(server: Server, runtime: Runtime, serving: Serving): UnaryMethod[] {
  const services = [parameterService(runtime), cacheService(runtime), healthService(runtime, serving)];
  for (const { definition, streams } of services) server.addService(definition, streams);
  const descriptors = loadDescriptors();
  for (const version of ['v1', 'v1alpha'] as const) {
    const definition = reflectionDefinition(version);
    const path = definition.ServerReflectionInfo!.path;
    server.addService(definition, { ServerReflectionInfo: handleReflection(runtime, path, descriptors) });
  }
  return services.flatMap(({ unary }) => unary);
}

/** Bytes of HTTP/2's connection preface: who has not sent so much has said nothing. */
const PREFACE_BYTES = 24;

function listenerFor(injector: ConnectionInjector, sockets: Set<Socket>, limits: RpcLimits, clock: Clock): NetServer {
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const preface = clock.setTimer(limits.prefaceMs, () => {
      if (socket.bytesRead < PREFACE_BYTES) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      preface.cancel();
      sockets.delete(socket);
    });
    injector.injectConnection(socket);
  });
  listener.maxConnections = limits.connectionsMax;
  // A connection that could not be accepted, for want of file descriptors: the next one may.
  listener.on('error', () => undefined);
  return listener;
}

function listening(listener: NetServer, { host, port }: { host: string; port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(port, host, () => {
      listener.off('error', reject);
      resolve((listener.address() as AddressInfo).port);
    });
  });
}

interface Running {
  readonly server: Server;
  readonly injector: ConnectionInjector;
  readonly listener: NetServer;
  readonly sockets: Set<Socket>;
  readonly runtime: Runtime;
  readonly serving: Serving;
}

/** In the one order that works: nothing may wait for what is ended only later. */
async function drain(
  graceMs: number,
  { server, injector, listener, sockets, runtime, serving }: Running,
): Promise<void> {
  setServing(serving, false);
  runtime.draining = true;
  const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
  // Those who watch health are told before their streams end.
  await new Promise((resolve) => setImmediate(resolve));
  runtime.streams.drain();
  injector.drain(graceMs);
  const finished = Promise.all([closed, new Promise<void>((resolve) => server.tryShutdown(() => resolve()))]);
  const overtime = runtime.clock.setTimer(graceMs, () => {
    for (const socket of sockets) socket.destroy();
  });
  await finished;
  overtime.cancel();
  runtime.open.close();
  runtime.deadlines.close();
}
