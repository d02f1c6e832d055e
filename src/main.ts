import { randomBytes } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { disabledBus } from './adapters/memory/bus-disabled.ts';
import { disabledSharedCache } from './adapters/memory/shared-cache-disabled.ts';
import { endpointsOf, type PostgresConnection } from './adapters/postgres/endpoints.ts';
import { migrate } from './adapters/postgres/migrate.ts';
import { openPostgresStore, type PostgresStore } from './adapters/postgres/open-postgres-store.ts';
import { systemClock } from './adapters/system/clock.ts';
import { connectValkey } from './adapters/valkey/connect-valkey.ts';
import { describe } from './config/describe.ts';
import { type Config, warnings } from './config/load-config.ts';
import { CORE_LIMITS, type CoreLimits, type RunningCore, startCore } from './core/core.ts';
import { auditor } from './jobs/auditor.ts';
import { compaction } from './jobs/compaction.ts';
import { partitions } from './jobs/partitions.ts';
import { type Jobs, startJobs } from './jobs/start-jobs.ts';
import { trimming } from './jobs/trimming.ts';
import { warmUp } from './jobs/warm-up.ts';
import { logCalls, observeBoth } from './observability/call-log.ts';
import { measureCalls } from './observability/call-metrics.ts';
import { createLogger } from './observability/logger.ts';
import { type OperatorHttp, startOperatorHttp } from './observability/operator-http.ts';
import { createRegistry } from './observability/registry.ts';
import { exposePool, exposeStatus } from './observability/status-metrics.ts';
import { createTelemetry } from './observability/telemetry.ts';
import { StoreError } from './ports/store.ts';
import type { Telemetry } from './ports/telemetry.ts';
import type { TlsFiles } from './rpc/credentials.ts';
import type { RpcLimits } from './rpc/limits.ts';
import { parameterCodec } from './rpc/parameter-codec.ts';
import { type RpcServer, startRpcServer } from './rpc/rpc-server.ts';

/** One running replica. */
export interface Replica {
  readonly host: string;
  readonly port: number;
  readonly httpHost: string;
  readonly httpPort: number;
  /** "PostgreSQL 18.4 at 127.0.0.1:5432/paramd" */
  readonly store: string;
  /** "Valkey 8.0.1 at 127.0.0.1:6379"; undefined: none configured, or not reachable now. */
  readonly sharedCache: string | undefined;
  /** C14. Idempotent. */
  stop(): Promise<void>;
}

export interface ReplicaOptions {
  readonly config: Config;
  readonly version: string;
  /** Ends the wait for a PostgreSQL that is not there yet. */
  readonly signal?: AbortSignal | undefined;
}

const STORE_RETRY_MS = 1000;
const TLS_CHECK_MS = 10_000;

/** Wires everything. Waits for PostgreSQL as long as it takes; Valkey may come and go. */
export async function startReplica({ config, version, signal }: ReplicaOptions): Promise<Replica> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat, replicaId: config.replicaId });
  const registry = createRegistry({ version, replicaId: config.replicaId });
  const telemetry = createTelemetry(log, registry);
  const closing: (() => Promise<void> | void)[] = [() => log.flush()];
  const state = { ready: false, reason: 'starting' };
  const closeAll = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    telemetry.log('info', 'starting', { version, ...describe(config) });
    for (const warning of warnings(config)) telemetry.log('warn', warning);
    const tls = readTls(config);
    const http = await startOperatorHttp({ ...config.httpListen, metrics: registry, ready: () => state });
    closing.push(() => http.close());
    const connection = config.databaseUrl ?? {};
    state.reason = 'waiting for PostgreSQL';
    const store = await openStore(connection, config, telemetry, signal);
    closing.push(() => store.close());
    exposePool(registry, () => store.poolUse());
    const installation = await store.installation();
    const valkey = config.valkeyUrl === undefined ? undefined : openValkey(config, installation, telemetry);
    closing.push(async () => valkey?.close());
    const core = await startCore({
      store,
      sharedCache: valkey?.sharedCache ?? disabledSharedCache,
      bus: valkey?.bus ?? disabledBus,
      codec: parameterCodec,
      clock: systemClock,
      random: Math.random,
      telemetry,
      newBatchId: () => randomBytes(16).toString('hex'),
      limits: coreLimits(config),
    });
    closing.push(() => core.stop());
    exposeStatus(registry, () => core.status());
    const observer = observeBoth(
      measureCalls(registry),
      logCalls(log.logger, systemClock, { calls: config.logCalls, linesPerSecondMax: config.logCallsPerSecond }),
    );
    const rpc = await startRpcServer({
      core,
      clock: systemClock,
      observer,
      telemetry,
      listen: config.listen,
      tls,
      limits: rpcLimits(config),
      secret: installation.secret,
      identity: { replicaId: config.replicaId, version, startedAtMs: systemClock.monotonicMs() },
    });
    closing.push(() => rpc.drain(config.drainMs));
    closing.push(watchTls(config, rpc, telemetry));
    const jobs = config.jobs === 'on' ? startAllJobs(config, connection, store, core, telemetry) : undefined;
    closing.push(async () => jobs?.stop());
    Object.assign(state, { ready: true, reason: 'serving' });
    rpc.setServing(true);
    const sharedCache = await valkey?.description();
    telemetry.log('info', 'serving', {
      grpc: `${config.listen.host}:${rpc.port}`,
      http: `${config.httpListen.host}:${http.port}`,
      store: installation.description,
      sharedCache: sharedCache ?? 'none',
    });
    return {
      ...addresses(config, rpc, http),
      store: installation.description,
      sharedCache,
      async stop() {
        if (closing.length === 0) return;
        Object.assign(state, { ready: false, reason: 'draining' });
        rpc.setServing(false);
        telemetry.log('info', 'draining');
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** What a replica does first. @returns the names of the migrations applied */
export async function migrateSchema(config: Config): Promise<readonly string[]> {
  const { applied } = await migrate(config.databaseUrl ?? {}, () => {});
  return applied;
}

function addresses(config: Config, rpc: RpcServer, http: OperatorHttp) {
  return { host: config.listen.host, port: rpc.port, httpHost: config.httpListen.host, httpPort: http.port };
}

/** Migrates and opens; a PostgreSQL that is still starting, or failing over, is waited for. */
async function openStore(
  connection: PostgresConnection,
  config: Config,
  telemetry: Telemetry,
  signal: AbortSignal | undefined,
): Promise<PostgresStore> {
  for (;;) {
    try {
      await migrate(connection, (message, fields) => telemetry.log('info', message, fields));
      return await openPostgresStore({
        connection,
        poolMax: config.readPoolConnections,
        log: (message, fields) => telemetry.log('warn', message, fields),
      });
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'unreachable') throw error;
      telemetry.log('warn', 'waiting for PostgreSQL', { why: error.message });
      await sleep(STORE_RETRY_MS, undefined, { signal });
    }
  }
}

function openValkey(
  config: Config,
  installation: Parameters<typeof connectValkey>[0]['installation'],
  telemetry: Telemetry,
) {
  return connectValkey({
    url: config.valkeyUrl!,
    installation,
    codec: parameterCodec,
    clock: systemClock,
    random: Math.random,
    telemetry,
    commandTimeoutMs: config.sharedCacheTimeoutMs,
  });
}

function startAllJobs(
  config: Config,
  connection: PostgresConnection,
  store: PostgresStore,
  core: RunningCore,
  telemetry: Telemetry,
): Jobs {
  const historyMs = config.historyHours * 3_600_000;
  return startJobs({
    endpoints: endpointsOf(connection),
    clock: systemClock,
    random: Math.random,
    telemetry,
    jobs: [
      compaction(store.upkeep, historyMs),
      trimming(store.upkeep),
      partitions(store.upkeep),
      auditor(async () => ({ ...(await core.audit()) }), config.auditIntervalMs),
      ...(config.warmPrefixes.length > 0 ? [warmUp((signal) => warmAll(core, config.warmPrefixes, signal))] : []),
    ],
  });
}

const WARM_UP_KEYS_PER_SECOND = 5000;

async function warmAll(core: RunningCore, prefixes: readonly string[], signal: AbortSignal) {
  const call = { startedAtMs: systemClock.monotonicMs(), deadlineAtMs: Number.POSITIVE_INFINITY, signal };
  let keys = 0;
  for (const prefix of prefixes) {
    let warmed = 0;
    for await (const progress of core.warm({ prefix, keysPerSecondMax: WARM_UP_KEYS_PER_SECOND }, call)) {
      warmed = progress.warmedKeys;
    }
    keys += warmed;
  }
  return { keys };
}

function coreLimits(config: Config): CoreLimits {
  return {
    stalenessMs: config.maxStalenessMs,
    pollIntervalMs: config.pollIntervalMs,
    idlePollIntervalMs: config.idlePollIntervalMs,
    nearCachePolicy: config.nearCachePolicy,
    nearCacheEntriesMax: config.nearCacheEntries,
    nearCacheBytesMax: config.nearCacheBytes,
    changeSlots: CORE_LIMITS.changeSlots,
    loadsConcurrentMax: config.loadsConcurrentMax,
    loadWaitersMax: config.loadWaitersMax,
    watchQueueBytesMax: config.watchQueueBytes,
    watchRingBytesMax: config.watchRingBytes,
    watchesMax: config.watchesMax,
  };
}

function rpcLimits(config: Config): Partial<RpcLimits> {
  return {
    connectionsMax: config.connectionsMax,
    streamsPerConnectionMax: config.streamsPerConnectionMax,
    watchesPerConnectionMax: config.watchesPerConnectionMax,
    requestBytesMax: config.requestBytesMax,
    metadataBytesMax: config.metadataBytesMax,
    ratePerConnectionMax: config.connectionCallsPerSecond,
    unaryTimeoutMs: config.unaryTimeoutMs,
    connectionIdleMs: config.connectionIdleMs,
    connectionAgeMs: config.connectionAgeMs,
    connectionAgeGraceMs: config.connectionAgeGraceMs,
    keepaliveMs: config.keepaliveMs,
    keepaliveTimeoutMs: config.keepaliveTimeoutMs,
  };
}

function readTls(config: Config): TlsFiles | undefined {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = config;
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  const files = {
    cert: readFileSync(tlsCertFile),
    key: readFileSync(tlsKeyFile),
    clientCa: tlsClientCaFile === undefined ? undefined : readFileSync(tlsClientCaFile),
  };
  try {
    createSecureContext({ cert: files.cert, key: files.key, ca: files.clientCa });
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`the files of PARAMD_TLS_… do not fit together or are no PEM: ${why}`, { cause: error });
  }
  return files;
}

/** Renewed certificates are taken up while connections stay. @returns what ends it */
function watchTls(config: Config, rpc: RpcServer, telemetry: Telemetry): () => void {
  const files = [config.tlsCertFile, config.tlsKeyFile, config.tlsClientCaFile].filter((file) => file !== undefined);
  const renew = () => {
    try {
      rpc.reloadTls(readTls(config)!);
      telemetry.log('info', 'took up the renewed certificate');
    } catch (error) {
      telemetry.log('error', 'the renewed certificate cannot be used; the former one stays', { error });
    }
  };
  for (const file of files) watchFile(file, { interval: TLS_CHECK_MS, persistent: false }, renew);
  return () => {
    for (const file of files) unwatchFile(file, renew);
  };
}
