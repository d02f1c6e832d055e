import { type ChannelCredentials, type ClientOptions, credentials } from '@grpc/grpc-js';
import { severalTargets } from './several-targets.ts';

/** PEM. An empty object: TLS with the system's authorities. */
export interface TlsSettings {
  /** Authorities that the server's certificate may come from. */
  readonly ca?: Buffer | undefined;
  /** The client's own certificate and its key, for servers that demand one. */
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  /** The name that the server's certificate must have, if it is not the target's. */
  readonly serverName?: string | undefined;
}

/** Calls go round robin over all addresses. Retries are not gRPC's own: call.ts says why. */
const SERVICE_CONFIG = { loadBalancingConfig: [{ round_robin: {} }] };

/**
 * The address as grpc-js takes it. A name may stand for many addresses, all of which are used; there may be several
 * targets with commas in between. A target with a scheme of its own stays as it is.
 * @throws TypeError that says what is wrong with it
 */
export function resolvable(target: string): string {
  if (typeof target !== 'string') throw new TypeError('target is host:port, such as 127.0.0.1:50051');
  if (/^(dns|ipv4|ipv6|unix|xds):/.test(target)) return target;
  const targets = target.split(',').map((part) => part.trim());
  for (const each of targets) checkTarget(each);
  return targets.length === 1 ? `dns:${targets[0]}` : severalTargets(targets);
}

/** grpc-js keeps nothing back that bounds it or makes it notice a dead connection, hence so many. */
export function channelOptions(target: string, tls: TlsSettings | undefined): ClientOptions {
  return {
    'grpc.service_config': JSON.stringify(SERVICE_CONFIG),
    'grpc.service_config_disable_resolution': 1,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_channelz': 0,
    ...(isLoopback(target) && { 'grpc.enable_http_proxy': 0 }),
    ...(tls?.serverName !== undefined && {
      'grpc.ssl_target_name_override': tls.serverName,
      'grpc.default_authority': tls.serverName,
    }),
  };
}

export function channelCredentials(tls: TlsSettings | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null);
}

function checkTarget(target: string): void {
  const [, port] = /^(?:\[[^\]]+\]|[^:[\]\s/]+):(\d+)$/.exec(target) ?? [];
  if (Number(port) >= 1 && Number(port) <= 65_535) return;
  throw new TypeError(`target "${target}" is not host:port, such as 127.0.0.1:50051`);
}

function isLoopback(target: string): boolean {
  return target.split(',').every((part) => /^(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+$/.test(part.trim()));
}
