import type { ClientConfig, PoolClient, QueryConfig, QueryResultRow } from 'pg';
import pg from 'pg';
import type { Epoch, Head } from '../../model/revision.ts';
import { StoreError } from '../../ports/store.ts';
import { classify, RetriableError, StandbyError } from './classify.ts';
import { endInTime } from './end-in-time.ts';
import type { Endpoints } from './endpoints.ts';

/** More callers than this wait for no connection: the store is taken to be out of reach. */
const WAITING_MAX = 1000;
/** The server ends a statement first, so that the connection stays usable; only if it is dead the client does. */
const CLIENT_TIMEOUT_EXTRA_MS = 500;
const KEEPALIVE_DELAY_MS = 10_000;
const IDLE_MS_MAX = 60_000;

/** Which connection brought an answer, by its head, or by itself if it has none. */
const origins = new WeakMap<object, PoolClient>();
const forsaken = new WeakSet<PoolClient>();

/** The connection that brought it is not used again. */
export function forsake(told: Head | readonly Epoch[]): void {
  const client = origins.get(told);
  if (client !== undefined) forsaken.add(client);
}

export interface LaneOptions {
  readonly name: string;
  readonly endpoints: Endpoints;
  readonly connectionsMax: number;
  readonly connectMs: number;
  /** Of one statement. */
  readonly statementMs: number;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

/** A few connections to the primary with one purpose, so that one purpose never waits for another. */
export interface Lane {
  /** What one reading statement says; fails with StoreError, also where `convert` does not want what it sees. */
  answer<Row extends QueryResultRow, T>(statement: QueryConfig, convert: (rows: Row[]) => T): Promise<T>;
  /** Runs on one connection. What the driver throws becomes a StoreError, `ambiguous` only if `sent` is a write. */
  use<T>(run: (client: PoolClient) => Promise<T>, sent: 'read' | 'write'): Promise<T>;
  /** For metrics. */
  connections(): { readonly total: number; readonly idle: number; readonly waiting: number };
  close(): Promise<void>;
}

export function openLane(options: LaneOptions): Lane {
  const { endpoints, name } = options;
  const live = new Set<LaneClient>();

  class LaneClient extends pg.Client {
    readonly endpoint: ClientConfig;
    constructor(config: ClientConfig) {
      const endpoint = endpoints.current();
      super({ ...config, ...endpoint, options: `${endpoint.options ?? ''} ${config.options}`.trim() });
      this.endpoint = endpoint;
      live.add(this);
      this.once('end', () => live.delete(this));
      // Without a listener, a lost connection would end the process. Whoever waits for an answer is told by its promise.
      this.on('error', () => {});
    }
  }
  const pool = new pg.Pool({
    Client: LaneClient as unknown as new () => pg.ClientBase,
    max: options.connectionsMax,
    application_name: `paramd ${name}`,
    connectionTimeoutMillis: options.connectMs,
    // The only one of its lane stays, with its plans.
    idleTimeoutMillis: options.connectionsMax === 1 ? 0 : IDLE_MS_MAX,
    query_timeout: options.statementMs + CLIENT_TIMEOUT_EXTRA_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
    options: sessionSettings(options.statementMs),
    onConnect: (client: unknown) => checkPrimary(client as LaneClient),
  });
  pool.on('error', (error) =>
    options.log('Lost an idle connection', { lane: name, why: classify(error, 'read').message }),
  );

  /** On a few servers, only the primary will do; a single one tells by itself with each answer. */
  async function checkPrimary(client: LaneClient): Promise<void> {
    if (endpoints.count === 1) return;
    const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (rows[0]?.standby) throw new StandbyError();
  }

  async function connect(): Promise<PoolClient> {
    if (pool.waitingCount >= WAITING_MAX) throw new StoreError('unreachable', 'too many wait for a connection');
    for (let attempt = 1; ; attempt++) {
      const endpoint = endpoints.current();
      try {
        const client = await pool.connect();
        if (!forsaken.has(client)) return client;
        endpoints.gone((client as unknown as LaneClient).endpoint);
        client.release(true);
        attempt--;
      } catch (error) {
        endpoints.gone(endpoint);
        if (attempt >= endpoints.count) throw classify(error, 'connect');
      }
    }
  }

  /** In a row. */
  let refusedForEpoch = 0;

  async function use<T>(run: (client: PoolClient) => Promise<T>, sent: 'read' | 'write'): Promise<T> {
    const client = await connect();
    try {
      const answer = await run(client);
      refusedForEpoch = 0;
      client.release();
      return answer;
    } catch (error) {
      const failure = error instanceof StoreError ? error : classify(error, sent);
      const lost = !(failure instanceof RetriableError) && ['unreachable', 'ambiguous'].includes(failure.kind);
      const refused = failure.kind === 'epoch-changed';
      refusedForEpoch = refused ? refusedForEpoch + 1 : 0;
      // Once may be for an epoch that is not known here yet. Again, it leads to a former primary.
      if (lost || refusedForEpoch > 1) endpoints.gone((client as unknown as LaneClient).endpoint);
      client.release(lost || refused);
      throw failure;
    }
  }

  let closed: Promise<void> | undefined;

  return {
    use,
    answer: (statement, convert) =>
      use(async (client) => {
        const answer = convert((await client.query(statement)).rows);
        const { head: told = answer } = (answer ?? {}) as { readonly head?: unknown };
        if (told instanceof Object) origins.set(told, client);
        return answer;
      }, 'read'),
    connections: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => {
      closed ??= endInTime(() => pool.end(), live);
      return closed;
    },
  };
}

/**
 * A server whose client's machine has vanished would keep the sessions for the two hours of most systems; some such
 * losses, and it has none left for others. Seconds, and a count.
 */
const GONE_CLIENT = { tcp_keepalives_idle: 30, tcp_keepalives_interval: 10, tcp_keepalives_count: 3 };

/** Only index lookups: right for any size of the tables, whatever the statistics say. */
export function sessionSettings(statementMs: number): string {
  const settings = {
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: statementMs,
    tcp_user_timeout: statementMs,
    ...GONE_CLIENT,
    plan_cache_mode: 'force_generic_plan',
    enable_seqscan: 'off',
    enable_hashjoin: 'off',
    enable_mergejoin: 'off',
    enable_bitmapscan: 'off',
    jit: 'off',
  };
  return Object.entries(settings)
    .map(([setting, to]) => `-c ${setting}=${to}`)
    .join(' ');
}
