/**
 * The servers that tests talk to: one PostgreSQL and one Valkey for the whole run, started by hooks.ts, and servers of
 * their own for tests that break them.
 */

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { EmbeddedError, type EmbeddedServer, type LogLine } from '../../src/embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { findProcess, goneWithin, type RunningProcess, signalTree } from '../../src/embedded/process.ts';
import { startEmbeddedValkey } from '../../src/embedded/valkey.ts';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** A server process that a test may break. After every method the state is reached, not only asked for. */
export interface TestServer {
  /** The same after every start. */
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** SIGKILL to every process of it at once, as when the machine fails. */
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

export interface TestPostgresOptions {
  /** Default false: nothing waits for the disk. True: with the settings of production. */
  readonly durable?: boolean;
  /** As by `-c name=value`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Begin with a copy of the folder of this server, which is stopped: same data, same password, another port. */
  readonly copyOf?: TestServer;
  /** Before its first start: its folder, with the copy in it if it is one. */
  readonly prepare?: (folder: string) => void;
}

const fastSettings = { fsync: 'off', full_page_writes: 'off' };
const testSettings = { max_connections: '300', shared_buffers: '32MB', max_wal_size: '256MB' };
const killMsMax = 10_000;

/** An empty database on the run's PostgreSQL. */
export async function freshDatabase(): Promise<TestDatabase> {
  const server = process.env.PARAMD_TEST_POSTGRES_URL;
  if (server === undefined) throw new Error('the test servers are not started: run this by mocha');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await runSql(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = name;
  return { url: url.href, drop: () => runSql(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** A PostgreSQL of one's own. */
export function startPostgres(options: TestPostgresOptions = {}): Promise<TestServer> {
  const { durable = false, settings = {}, copyOf, prepare } = options;
  const folder = newFolder('postgres');
  if (copyOf !== undefined) copyFolder(copyOf.folder, folder);
  prepare?.(folder);
  const all = { ...testSettings, ...(durable ? {} : fastSettings), ...settings };
  return breakable(folder, (port) => startEmbeddedPostgres({ folder, port, settings: all, durable, log: ignore }));
}

/** The run's Valkey, shared: use names of your own. Undefined: Valkey cannot be had here. */
export function valkeyUrl(): string | undefined {
  return process.env.PARAMD_TEST_VALKEY_URL;
}

/** The same for a test or hook that is skipped without it. */
export function requireValkey(context: Mocha.Context): string {
  return valkeyUrl() ?? context.skip();
}

/** A Valkey of one's own. Where none can be had this throws: call requireValkey first. */
export function startValkey(
  settings: Readonly<Record<string, string>> = {},
  log: LogLine = ignore,
): Promise<TestServer> {
  const folder = newFolder('valkey');
  return breakable(folder, async (port) => {
    const server = await startEmbeddedValkey({ folder, port, settings, unpackInto: valkeyPackageFolder(), log });
    if (server === undefined) throw new EmbeddedError('tests that need Valkey cannot run');
    return server;
  });
}

/** Where the unpacked package outlives the run: in the checkout, or if that is not ours, in the user's cache. */
export function valkeyPackageFolder(): string {
  const checkout = resolve('.paramd', 'valkey', 'package');
  try {
    mkdirSync(resolve('.paramd', 'valkey'), { recursive: true });
    accessSync(resolve('.paramd', 'valkey'), constants.W_OK);
    return checkout;
  } catch {
    return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'paramd', 'valkey-package');
  }
}

async function breakable(folder: string, open: (port?: number) => Promise<EmbeddedServer>): Promise<TestServer> {
  let server: EmbeddedServer;
  let root: RunningProcess;
  const start = async (port?: number) => {
    server = await open(port);
    root = findProcess(server.pid) ?? { pid: server.pid, born: 'gone' };
  };
  await start();
  const { url, port } = server!;
  return {
    url,
    port,
    folder,
    kill: async () => {
      const killed = signalTree(root, 'SIGKILL');
      if (!(await goneWithin(killed, killMsMax))) throw new Error(`process ${root.pid} cannot be killed`);
      await server.stop();
    },
    stop: () => server.stop(),
    start: () => start(port),
    freeze: () => void signalTree(root, 'SIGSTOP'),
    thaw: () => void signalTree(root, 'SIGCONT'),
    close: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A temporary folder below that of the run, so that hooks.ts finds what a killed test has left, servers too. */
export function newFolder(name: string): string {
  return mkdtempSync(join(process.env.PARAMD_TEST_FOLDER ?? tmpdir(), `${name}-`));
}

/** With owners and modes, which PostgreSQL insists on. */
function copyFolder(from: string, to: string): void {
  execFileSync('cp', ['-a', `${from}/.`, to]);
  for (const name of ['lock', 'port']) rmSync(join(to, name), { force: true });
}

async function runSql(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on('error', ignore);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function ignore(): void {}
