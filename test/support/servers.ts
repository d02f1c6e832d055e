/**
 * The servers that tests talk to: one PostgreSQL and one Valkey for the whole run, started by hooks.ts, and servers of
 * their own for tests that break them.
 */

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** A server process that a test may break. After every method the state is reached, not only asked for. */
export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Orderly. */
  stop(): Promise<void>;
  /** Again, on the same port and folder. */
  start(): Promise<void>;
  /** SIGSTOP to every process of it. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Stops it and removes its folder. */
  close(): Promise<void>;
}

/** An empty database on the run's PostgreSQL. */
export async function freshDatabase(): Promise<TestDatabase> {
  throw new Error('not there yet');
}

/** A PostgreSQL of one's own. */
export async function startPostgres(): Promise<TestServer> {
  throw new Error('not there yet');
}

/** The run's Valkey, shared: use names of your own. Undefined: Valkey cannot be had here. */
export function valkeyUrl(): string | undefined {
  return process.env['PARAMD_TEST_VALKEY_URL'];
}

/** A Valkey of one's own. */
export async function startValkey(): Promise<TestServer> {
  throw new Error('not there yet');
}
