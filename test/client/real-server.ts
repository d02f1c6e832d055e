import { randomBytes } from 'node:crypto';
import { disabledBus } from '../../src/adapters/memory/bus-disabled.ts';
import { disabledSharedCache } from '../../src/adapters/memory/shared-cache-disabled.ts';
import { MemoryStore } from '../../src/adapters/memory/store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { CORE_LIMITS, startCore } from '../../src/core/core.ts';
import type { Telemetry } from '../../src/ports/telemetry.ts';
import { parameterCodec } from '../../src/rpc/parameter-codec.ts';
import { type RpcServer, type RpcServerOptions, startRpcServer } from '../../src/rpc/rpc-server.ts';

export interface RealServer {
  readonly target: string;
  readonly store: MemoryStore;
  /** Another replica of the same store. */
  replica(): Promise<RealServer>;
  close(): Promise<void>;
}

const telemetry: Telemetry = { add: () => {}, total: () => 0, observe: () => {}, log: () => {} };

/** paramd itself, but for PostgreSQL and Valkey. */
export async function startRealServer(
  tls?: RpcServerOptions['tls'],
  store = new MemoryStore({ clock: systemClock, random: Math.random }),
): Promise<RealServer> {
  const core = await startCore({
    store,
    sharedCache: disabledSharedCache,
    bus: disabledBus,
    codec: parameterCodec,
    clock: systemClock,
    random: Math.random,
    telemetry,
    newBatchId: () => randomBytes(16).toString('hex'),
    limits: CORE_LIMITS,
  });
  const server: RpcServer = await startRpcServer({
    core,
    clock: systemClock,
    observer: { started() {}, ended() {} },
    telemetry,
    listen: { host: '127.0.0.1', port: 0 },
    tls,
    secret: (await store.installation()).secret,
    identity: { replicaId: 'memory', version: '0.0.0', startedAtMs: systemClock.monotonicMs() },
  });
  server.setServing(true);
  return {
    target: `127.0.0.1:${server.port}`,
    store,
    replica: () => startRealServer(tls, store),
    close: async () => {
      await server.drain(200);
      await core.stop();
    },
  };
}
