import type { Bus } from '../../ports/bus.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { ParameterCodec } from '../../ports/codec.ts';
import type { SharedCache } from '../../ports/shared-cache.ts';
import type { Installation } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { createAuthenticator } from './authenticator.ts';
import { createValkeyBus } from './bus.ts';
import { openClient } from './client.ts';
import { createValkeySharedCache } from './shared-cache.ts';
import { parseTarget } from './target.ts';

export interface ValkeyOptions {
  /** redis, rediss, valkey or valkeys. */
  readonly url: string;
  readonly installation: Pick<Installation, 'id' | 'secret'>;
  readonly codec: ParameterCodec;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** After which a command of the shared cache is a miss. Default 50. */
  readonly commandTimeoutMs?: number | undefined;
}

export interface ValkeyConnection {
  readonly sharedCache: SharedCache;
  readonly bus: Bus;
  /** For people: "Valkey 8.0.1 at 127.0.0.1:6379". Undefined: not reachable now. */
  description(): Promise<string | undefined>;
  /** Closes the shared cache and the bus too. */
  close(): Promise<void>;
}

const COMMAND_TIMEOUT_MS = 50;

/**
 * The shared cache and the bus on one Valkey, over three connections: large values on the first must not delay
 * announcements, and a subscriber can do nothing else. Valkey need not be there; it is looked for in the background.
 * Throws only on a URL that is none.
 */
export function connectValkey(options: ValkeyOptions): ValkeyConnection {
  const { installation, codec, clock, random, telemetry } = options;
  const target = parseTarget(options.url);
  const client = { target, clock, random, telemetry };
  const data = openClient('data', client);
  const sharedCache = createValkeySharedCache({
    client: data,
    installationId: installation.id,
    authenticator: createAuthenticator(installation.secret, 'shared cache'),
    clock,
    random,
    telemetry,
    commandTimeoutMs: options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
  });
  const bus = createValkeyBus({
    publishClient: openClient('publish', client),
    subscribeClient: openClient('subscribe', client),
    installationId: installation.id,
    authenticator: createAuthenticator(installation.secret, 'bus'),
    codec,
    clock,
    telemetry,
  });
  return {
    sharedCache,
    bus,
    async description() {
      const told = await data.valkey.info('server').catch(() => undefined);
      if (told === undefined) return undefined;
      const valkeyVersion = /^valkey_version:(\S+)/m.exec(told)?.[1];
      const version = valkeyVersion ?? /^redis_version:(\S+)/m.exec(told)?.[1] ?? 'of unknown version';
      return `${valkeyVersion === undefined ? 'Redis' : 'Valkey'} ${version} at ${target.host}:${target.port}`;
    },
    async close() {
      await Promise.all([sharedCache.close(), bus.close()]);
    },
  };
}
