import { closeSync, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { address, choice, list, type Setting, secretUrl, text, wholeNumber } from './setting.ts';

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Every setting there is, in the order in which they are shown. The one source of what is accepted, of
 * `paramd serve --help` and of the table in the README.
 */
export const SETTINGS = {
  databaseUrl: secretUrl(
    'DATABASE_URL',
    ['postgres', 'postgresql'],
    'The PostgreSQL that keeps the parameters; several hosts with commas in between are tried in turn.',
  ),
  pgHost: text(
    'PGHOST',
    'a host name',
    /./,
    'Instead of DATABASE_URL, with PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE and the like.',
  ),
  valkeyUrl: secretUrl(
    'VALKEY_URL',
    ['valkey', 'valkeys', 'redis', 'rediss'],
    'The Valkey for the shared cache and the bus; without it replicas see changes by polling alone.',
  ),
  dataDir: path('PARAMD_DATA_DIR', '.paramd', 'Where `paramd dev` keeps its own PostgreSQL and Valkey.'),

  listen: address('PARAMD_LISTEN', '127.0.0.1:50051', 'gRPC is served here.'),
  httpListen: address(
    'PARAMD_HTTP_LISTEN',
    '127.0.0.1:9464',
    '/metrics, /healthz and /readyz are served here, without TLS: for operators only.',
  ),
  tlsCertFile: file('PARAMD_TLS_CERT_FILE', 'Certificate chain (PEM) for gRPC; without it gRPC is not encrypted.'),
  tlsKeyFile: file('PARAMD_TLS_KEY_FILE', 'Private key (PEM) of the certificate.'),
  tlsClientCaFile: file(
    'PARAMD_TLS_CLIENT_CA_FILE',
    'Clients must show a certificate that one of these authorities (PEM) has signed.',
  ),
  replicaId: replicaId(),

  maxStalenessMs: wholeNumber(
    'PARAMD_MAX_STALENESS_MS',
    500,
    [50, MINUTE_MS],
    'A read was current at most this long before it began, unless the call says otherwise or the answer is flagged degraded.',
  ),
  pollIntervalMs: wholeNumber(
    'PARAMD_POLL_INTERVAL_MS',
    100,
    [10, 30 * SECOND_MS],
    'PostgreSQL is asked for news this often while reads or watches need it.',
  ),
  idlePollIntervalMs: wholeNumber(
    'PARAMD_IDLE_POLL_INTERVAL_MS',
    1000,
    [10, MINUTE_MS],
    'The same while nobody reads.',
  ),

  nearCachePolicy: choice(
    'PARAMD_NEAR_CACHE_POLICY',
    'w-tinylfu',
    ['lru', 'lfu', 's3-fifo', 'w-tinylfu'],
    'What the near cache drops first for want of space.',
  ),
  nearCacheBytes: wholeNumber(
    'PARAMD_NEAR_CACHE_BYTES',
    64 * MIB,
    [2 * MIB, 64 * GIB],
    'The near cache holds at most this much.',
  ),
  nearCacheEntries: wholeNumber(
    'PARAMD_NEAR_CACHE_ENTRIES',
    100_000,
    [1, 10_000_000],
    'The near cache holds at most so many keys.',
  ),
  warmPrefixes: list('PARAMD_WARM_PREFIXES', 'Keys with these prefixes are loaded at start.'),
  sharedCacheTimeoutMs: wholeNumber(
    'PARAMD_SHARED_CACHE_TIMEOUT_MS',
    50,
    [1, 10 * SECOND_MS],
    'After this a lookup in Valkey counts as a miss.',
  ),
  loadsConcurrentMax: wholeNumber(
    'PARAMD_LOADS_CONCURRENT_MAX',
    8,
    [1, 100],
    'So many loads from PostgreSQL run at once.',
  ),
  loadWaitersMax: wholeNumber(
    'PARAMD_LOAD_WAITERS_MAX',
    10_000,
    [1, 1_000_000],
    'So many reads may wait for loads; one more is refused.',
  ),
  readPoolConnections: wholeNumber(
    'PARAMD_READ_POOL_CONNECTIONS',
    8,
    [1, 100],
    'Connections to PostgreSQL for reads, beside one for writes, one for the log and those of the jobs.',
  ),
  historyHours: wholeNumber(
    'PARAMD_HISTORY_HOURS',
    168,
    [1, 87_600],
    'Changes are kept this long for watches that resume.',
  ),

  watchQueueBytes: wholeNumber(
    'PARAMD_WATCH_QUEUE_BYTES',
    MIB,
    [64 * KIB, GIB],
    'A watch that falls behind by more is fed from the log.',
  ),
  watchRingBytes: wholeNumber(
    'PARAMD_WATCH_RING_BYTES',
    16 * MIB,
    [MIB, 16 * GIB],
    'The newest changes kept in memory for all watches.',
  ),
  watchesMax: wholeNumber('PARAMD_WATCHES_MAX', 10_000, [1, 1_000_000], 'Watches at once.'),
  watchesPerConnectionMax: wholeNumber(
    'PARAMD_WATCHES_PER_CONNECTION_MAX',
    100,
    [1, 100_000],
    'Watches at once on one connection.',
  ),

  connectionsMax: wholeNumber('PARAMD_CONNECTIONS_MAX', 10_000, [1, 1_000_000], 'Connections of clients at once.'),
  streamsPerConnectionMax: wholeNumber(
    'PARAMD_STREAMS_PER_CONNECTION_MAX',
    1000,
    [1, 1_000_000],
    'Calls and watches at once on one connection.',
  ),
  connectionCallsPerSecond: wholeNumber(
    'PARAMD_CONNECTION_CALLS_PER_SECOND',
    0,
    [0, 1_000_000],
    'Calls that one connection may make per second; 0 is no limit.',
  ),
  connectionAgeMs: wholeNumber(
    'PARAMD_CONNECTION_AGE_MS',
    30 * MINUTE_MS,
    [MINUTE_MS, 7 * 24 * HOUR_MS],
    'Older connections are asked to reconnect, which spreads clients over new replicas.',
  ),
  connectionAgeGraceMs: wholeNumber(
    'PARAMD_CONNECTION_AGE_GRACE_MS',
    15 * SECOND_MS,
    [SECOND_MS, HOUR_MS],
    'And are closed after this.',
  ),
  connectionIdleMs: wholeNumber(
    'PARAMD_CONNECTION_IDLE_MS',
    5 * MINUTE_MS,
    [10 * SECOND_MS, 24 * HOUR_MS],
    'Connections without a call for this long are closed.',
  ),
  keepaliveMs: wholeNumber(
    'PARAMD_KEEPALIVE_MS',
    15 * SECOND_MS,
    [SECOND_MS, HOUR_MS],
    'Connections are pinged this often.',
  ),
  keepaliveTimeoutMs: wholeNumber(
    'PARAMD_KEEPALIVE_TIMEOUT_MS',
    10 * SECOND_MS,
    [100, MINUTE_MS],
    'And closed when there is no answer for this long.',
  ),
  metadataBytesMax: wholeNumber(
    'PARAMD_METADATA_BYTES_MAX',
    16 * KIB,
    [KIB, 64 * KIB],
    'Metadata that one call may bring.',
  ),
  requestBytesMax: wholeNumber(
    'PARAMD_REQUEST_BYTES_MAX',
    4 * MIB,
    [2 * MIB, 16 * MIB],
    'A larger request is refused.',
  ),
  unaryTimeoutMs: wholeNumber(
    'PARAMD_UNARY_TIMEOUT_MS',
    10 * SECOND_MS,
    [100, 10 * MINUTE_MS],
    'Calls other than watches are answered within this, whatever deadline they bring.',
  ),
  drainMs: wholeNumber(
    'PARAMD_DRAIN_MS',
    10 * SECOND_MS,
    [0, 10 * MINUTE_MS],
    'How long calls in flight may take to finish after SIGTERM.',
  ),

  jobs: choice(
    'PARAMD_JOBS',
    'on',
    ['on', 'off'],
    'Compaction, trimming and audit; at least one replica must run them.',
  ),
  auditIntervalMs: wholeNumber(
    'PARAMD_AUDIT_INTERVAL_MS',
    MINUTE_MS,
    [SECOND_MS, 24 * HOUR_MS],
    'How often cached entries are compared with PostgreSQL.',
  ),
  logLevel: choice(
    'PARAMD_LOG_LEVEL',
    'info',
    ['debug', 'info', 'warn', 'error', 'silent'],
    'What is less grave is not logged.',
  ),
  logFormat: choice('PARAMD_LOG_FORMAT', 'auto', ['auto', 'json', 'pretty'], 'auto: pretty on a terminal, else JSON.'),
  logCalls: choice(
    'PARAMD_LOG_CALLS',
    'all',
    ['all', 'errors', 'off'],
    'Which calls get a line in the log; errors are those that are no fault of the caller.',
  ),
  logCallsPerSecond: wholeNumber(
    'PARAMD_LOG_CALLS_PER_SECOND',
    1000,
    [1, 1_000_000],
    'When more calls end in a second, the others are only counted in the log; defects always get their line.',
  ),
} as const satisfies Record<string, Setting<unknown>>;

function file(variable: string, about: string): Setting<string | undefined> {
  const setting = text(variable, 'the name of a file', /./, about);
  return { ...setting, parse: (given) => (isReadable(given) ? given : undefined) };
}

function isReadable(path: string): boolean {
  try {
    closeSync(openSync(path, 'r'));
    return true;
  } catch {
    return false;
  }
}

function path(variable: string, initial: string, about: string): Setting<string> {
  return {
    variable,
    about,
    expects: 'the name of a folder',
    initial,
    initialText: initial,
    parse: String,
    print: String,
  };
}

function replicaId(): Setting<string> {
  const pattern = /^[\w.-]{1,64}$/;
  return {
    variable: 'PARAMD_REPLICA_ID',
    about: 'Names this process in logs and statistics.',
    expects: '1 to 64 letters, digits, dots, dashes or underscores',
    initial: `${hostname()
      .replaceAll(/[^\w.-]/g, '-')
      .slice(0, 50)}-${process.pid}`,
    initialText: '(host name)-(process id)',
    parse: (given) => (pattern.test(given) ? given : undefined),
    print: String,
  };
}
