/** Every bound of the rpc room. All have a default; main takes some of them from the configuration. */
export interface RpcLimits {
  readonly connectionsMax: number;
  readonly streamsPerConnectionMax: number;
  readonly watchesPerConnectionMax: number;
  /** WarmCache calls at once: each reads the store at its own pace. */
  readonly warmsMax: number;
  readonly requestBytesMax: number;
  /** Of requests that have begun to come, until they are answered; of those for streams, until they are read. */
  readonly heldRequestBytesPerConnectionMax: number;
  /** The same of all connections together. */
  readonly heldRequestBytesMax: number;
  /** Of large unary answers that a client has asked for and not taken. */
  readonly unreadBytesPerConnectionMax: number;
  /** Of a call's metadata, as HTTP/2 counts. */
  readonly metadataBytesMax: number;
  /** Calls per second and connection, with bursts of as many; 0: no limit. */
  readonly ratePerConnectionMax: number;
  /** Calls that a connection may cancel at once, and per second in the long run, also by their deadlines; beyond it is closed. */
  readonly resetsPerConnectionMax: number;
  readonly resetsPerConnectionSecondMax: number;
  /** A unary call that came without a shorter deadline gets this one. */
  readonly unaryTimeoutMs: number;
  /** A stream or answer of which the client takes nothing for so long is ended. */
  readonly stallMs: number;
  /** A connection that has not said anything by then is closed, and TLS must be agreed by then. */
  readonly prefaceMs: number;
  readonly connectionIdleMs: number;
  /** Connections are renewed, so that clients find new replicas. Jittered by 10 %. */
  readonly connectionAgeMs: number;
  readonly connectionAgeGraceMs: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
}

export const RPC_LIMITS: RpcLimits = {
  connectionsMax: 10_000,
  streamsPerConnectionMax: 1000,
  watchesPerConnectionMax: 100,
  warmsMax: 4,
  requestBytesMax: 4 << 20,
  heldRequestBytesPerConnectionMax: 64 << 20,
  heldRequestBytesMax: 256 << 20,
  unreadBytesPerConnectionMax: 64 << 20,
  metadataBytesMax: 16 << 10,
  ratePerConnectionMax: 0,
  resetsPerConnectionMax: 10_000,
  resetsPerConnectionSecondMax: 500,
  unaryTimeoutMs: 10_000,
  stallMs: 30_000,
  prefaceMs: 10_000,
  connectionIdleMs: 15 * 60_000,
  connectionAgeMs: 60 * 60_000,
  connectionAgeGraceMs: 60_000,
  keepaliveMs: 15_000,
  keepaliveTimeoutMs: 10_000,
};

/** setTimeout takes 32 bits; a longer time fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The given ones over the defaults, within what timers can do. */
export function rpcLimits(given: Partial<RpcLimits>): RpcLimits {
  const names = Object.keys(RPC_LIMITS) as (keyof RpcLimits)[];
  const entries = names.map((name) => {
    const limit = given[name] ?? RPC_LIMITS[name];
    return [name, name.endsWith('Ms') ? Math.min(limit, TIMER_MS_MAX) : limit] as const;
  });
  return Object.fromEntries(entries) as unknown as RpcLimits;
}
