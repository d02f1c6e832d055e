import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { loadConfig } from '../../src/config/load-config.ts';
import { type Replica, startReplica } from '../../src/main.ts';
import { freshDatabase } from '../support/servers.ts';
import { openRpc, type Rpc } from './rpc.ts';

/** Environment variables over the tests' own. */
export type Settings = Readonly<Record<string, string>>;

export interface FleetReplica extends Rpc {
  readonly replica: Replica;
  stop(): Promise<void>;
}

export interface LogEntry {
  readonly msg: string;
  /** Where it serves. */
  readonly grpc?: string;
  readonly http?: string;
}

export interface ReplicaProcess extends Rpc {
  readonly process: ChildProcess;
  /** Lines of its log, parsed. */
  readonly log: readonly LogEntry[];
  /** "exit code 0", or the signal. */
  readonly ended: Promise<string>;
}

/** Replicas of one database. */
export interface Fleet {
  readonly databaseUrl: string;
  /** In this process, and not stopped. */
  readonly replicas: readonly FleetReplica[];
  /** In this process. */
  add(settings?: Settings): Promise<FleetReplica>;
  /** In a process of its own, which may be killed. */
  spawn(settings?: Settings): Promise<ReplicaProcess>;
  /** Stops all that was added. */
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly count?: number;
  /** By default a fresh one on the PostgreSQL of the run. */
  readonly databaseUrl?: string | undefined;
  readonly valkeyUrl?: string | undefined;
  readonly settings?: Settings;
}

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const database = options.databaseUrl === undefined ? await freshDatabase() : undefined;
  const databaseUrl = options.databaseUrl ?? database!.url;
  const replicas: FleetReplica[] = [];
  const closing: (() => Promise<void>)[] = [];
  const environment = (settings: Settings) => ({
    DATABASE_URL: databaseUrl,
    VALKEY_URL: options.valkeyUrl ?? '',
    PARAMD_LISTEN: '127.0.0.1:0',
    PARAMD_HTTP_LISTEN: '127.0.0.1:0',
    PARAMD_READ_POOL_CONNECTIONS: '4',
    PARAMD_DRAIN_MS: '300',
    PARAMD_JOBS: 'off',
    PARAMD_LOG_LEVEL: process.env.PARAMD_TEST_LOG_LEVEL ?? 'silent',
    PARAMD_LOG_CALLS: 'off',
    ...options.settings,
    ...settings,
  });

  async function add(settings: Settings = {}): Promise<FleetReplica> {
    const config = loadConfig(environment(settings), { embeddedAllowed: false });
    const replica = await startReplica({ config, version: '0.0.0' });
    const rpc = openRpc(`127.0.0.1:${replica.port}`);
    const stop = async () => {
      replicas.splice(0, replicas.length, ...replicas.filter((other) => other !== added));
      rpc.close();
      await replica.stop();
    };
    const added = { ...rpc, replica, stop };
    closing.push(stop);
    replicas.push(added);
    return added;
  }

  async function start(settings: Settings = {}): Promise<ReplicaProcess> {
    const started = await spawnReplica({
      ...environment(settings),
      PARAMD_LOG_LEVEL: 'info',
      PARAMD_LOG_FORMAT: 'json',
    });
    closing.push(async () => {
      started.close();
      started.process.kill('SIGKILL');
      await started.ended;
    });
    return started;
  }

  const fleet: Fleet = {
    databaseUrl,
    replicas,
    add,
    spawn: start,
    close: async () => {
      await Promise.all(closing.splice(0).map((close) => close()));
      await database?.drop();
    },
  };
  try {
    // One after the other: the first one migrates.
    for (let count = 0; count < (options.count ?? 2); count++) await add();
  } catch (error) {
    await fleet.close();
    throw error;
  }
  return fleet;
}

/** `paramd serve`, once it serves. */
async function spawnReplica(environment: Record<string, string>): Promise<ReplicaProcess> {
  const inherited = { PATH: process.env.PATH ?? '', TMPDIR: process.env.TMPDIR ?? '/tmp' };
  const child = spawn(process.execPath, ['bin/paramd.js', 'serve'], {
    env: { ...inherited, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: LogEntry[] = [];
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const complaints: string[] = [];
  child.stderr!.on('data', (chunk) => complaints.push(String(chunk)));
  const target = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout!).on('line', (line) => {
      const entry = JSON.parse(line) as LogEntry;
      log.push(entry);
      if (entry.msg === 'serving') resolve(entry.grpc!);
    });
    ended.then((how) => reject(new Error(`paramd serve ended with ${how}: ${complaints.join('')}`)));
  });
  return { ...openRpc(target), process: child, log, ended };
}
