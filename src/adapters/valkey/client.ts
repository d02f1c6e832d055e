import { Valkey } from 'iovalkey';
import type { Clock, Random } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { createBackoff } from './backoff.ts';
import { failureReason } from './failure-reason.ts';
import { PUT_COMMAND } from './put-script.ts';
import type { ValkeyTarget } from './target.ts';

const CONNECT_TIMEOUT_MS = 2000;
/** For the handshake and what is not timed otherwise; a publish that takes longer is lost to most readers anyway (C6). */
const COMMAND_TIMEOUT_MS = { data: 1000, publish: 250, subscribe: 1000 } as const;
/** A connection that lived so long was a good one: the next pause is a short one again. */
const PROVEN_MS = 3000;
/** Between asking for a close and destroying a socket whose peer says nothing. */
const CLOSE_GRACE_MS = 100;
const KEEP_ALIVE_MS = 5000;

export interface ClientOptions {
  readonly target: ValkeyTarget;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}

/** One connection that keeps coming back. */
export interface Client {
  readonly valkey: Valkey;
  readonly ready: boolean;
  /** Destroys the socket at once: commands in flight fail, and it connects again after a pause. */
  reset(): void;
  close(): Promise<void>;
}

/**
 * @param role of the connection, shown by CLIENT LIST and in the log
 */
export function openClient(role: keyof typeof COMMAND_TIMEOUT_MS, options: ClientOptions): Client {
  const { target, clock, random, telemetry } = options;
  const backoff = createBackoff(random);
  const valkey = new Valkey({
    host: target.host,
    port: target.port,
    username: target.username,
    password: target.password,
    db: target.db,
    tls: target.tls ? {} : undefined,
    family: 0,
    familyFallback: { enabled: false },
    connectionName: `paramd-${role}`,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS[role],
    disconnectTimeout: CLOSE_GRACE_MS,
    keepAlive: KEEP_ALIVE_MS,
    enableOfflineQueue: false,
    enableAutoPipelining: role === 'data',
    autoPipeliningIgnoredCommands: [PUT_COMMAND],
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    // Not 1: with 0 what is in flight fails as soon as its connection does, instead of being sent once more.
    maxRetriesPerRequest: 0,
    // A primary that has become a replica: find the new one behind the same name.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy() {
      if (clock.monotonicMs() - readyAtMs > PROVEN_MS) backoff.reset();
      readyAtMs = Number.POSITIVE_INFINITY;
      return backoff.nextMs();
    },
  });
  let readyAtMs = Number.POSITIVE_INFINITY;
  let away = false;
  let closed = false;

  valkey.on('error', (error) => {
    if (away || closed) return;
    away = true;
    telemetry.log('warn', 'valkey is away', { role, reason: failureReason(error) });
  });
  valkey.on('ready', () => {
    readyAtMs = clock.monotonicMs();
    if (away) telemetry.log('info', 'valkey is back', { role });
    away = false;
  });

  return {
    valkey,
    get ready() {
      return valkey.status === 'ready';
    },
    reset: () => valkey.stream?.destroy(),
    async close() {
      if (closed) return;
      closed = true;
      const stream = valkey.stream;
      valkey.disconnect();
      if (stream === undefined || stream.closed) return;
      await new Promise<void>((resolve) => {
        stream.once('close', () => resolve());
        stream.destroy();
      });
    },
  };
}
