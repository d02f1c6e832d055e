// What a comparison runs on: servers of its own, in processes of their own, that end when it does.

import { connect, type ParamdClient } from '../../client/index.ts';
import { type BenchServer, startBenchServer } from '../bench-server.ts';
import { GrpcConnection } from '../load/grpc-connection.ts';
import { keyAt, textAt, VALUE_BYTES } from '../load/keys.ts';
import type { Keys, LoadOrder, Run } from '../load/load-order.ts';
import { paramdDialect } from '../load/paramd-dialect.ts';
import { startLoad } from '../load/start-load.ts';
import { fillNamespace } from '../namespace.ts';
import { startThrowawayServers, type ThrowawayServers } from '../throwaway-servers.ts';
import type { Series } from './comparison.ts';
import type { Cores } from './cores.ts';
import { fillEtcd, startEtcd } from './etcd-server.ts';
import { loadSeries, type SeriesOptions } from './load-series.ts';

export interface World {
  readonly servers: ThrowawayServers;
  readonly signal: AbortSignal;
  /** Parameters, revisions and watchers where a comparison is about how many there are: a share of the full size. */
  readonly scale: number;
  /** For a second replica: one that nobody else uses, or that of the load. Undefined: nothing is pinned. */
  readonly secondCore: number | undefined;
  /** @param env beyond where PostgreSQL and Valkey are */
  replica(env?: Readonly<Record<string, string>>, options?: ReplicaOptions): Promise<BenchServer>;
  /** Answers a read and a write with the bytes that this replica answers, and does nothing else. */
  floor(replica: BenchServer, key: string): Promise<BenchServer>;
  /** With these keys in it; undefined: there is no etcd here. */
  etcd(keys: Keys): Promise<BenchServer | undefined>;
  client(server: BenchServer): ParamdClient;
  series(name: string, order: LoadOrder, run: RunOfRound, options?: SeriesOptions): Promise<Series>;
}

export interface ReplicaOptions {
  /** Undefined: that of all servers. */
  readonly core?: number | undefined;
}

/** @param seconds of a round */
export type RunOfRound = (seconds: number) => Run;

export interface WorldSettings {
  readonly cores: Cores | undefined;
  readonly etcd: string | undefined;
  readonly scale: number;
  /** Where a replica leaves CPU profiles. */
  readonly profileFolder: string | undefined;
  readonly valkeyPackage: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export async function withWorld<T>(settings: WorldSettings, action: (world: World) => Promise<T>): Promise<T> {
  const { cores, etcd, scale, profileFolder, valkeyPackage, signal, log } = settings;
  const servers = await startThrowawayServers({ valkeyPackage, log });
  const closing: (() => Promise<void> | void)[] = [() => servers.close()];
  const closedAtEnd = async (starting: Promise<BenchServer>): Promise<BenchServer> => {
    const server = await starting;
    closing.push(() => server.stop());
    return server;
  };
  const places = {
    DATABASE_URL: servers.postgres.url,
    VALKEY_URL: servers.valkey?.url ?? '',
    PARAMD_LISTEN: '127.0.0.1:0',
    PARAMD_HTTP_LISTEN: '127.0.0.1:0',
  };
  try {
    return await action({
      servers,
      signal,
      scale,
      secondCore: cores?.spare ?? cores?.load,
      replica: (env, { core } = {}) =>
        closedAtEnd(startBenchServer({ kind: 'replica', env: { ...places, ...env } }, { profileFolder, core })),
      floor: async (replica, key) =>
        closedAtEnd(startBenchServer({ kind: 'echo', responses: await recorded(replica, key) })),
      async etcd(keys) {
        if (etcd === undefined) return undefined;
        const server = await closedAtEnd(startEtcd(etcd, servers.folderOf('etcd')));
        await fillEtcd(server.target, keys);
        return server;
      },
      client({ target }) {
        const client = connect({ target });
        closing.push(() => client.close());
        return client;
      },
      async series(name, order, run, options) {
        const load = await startLoad(order, cores?.load);
        closing.push(() => load.stop());
        return loadSeries(name, load, run, options);
      },
    });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Writes every key once. */
export async function fill({ target }: BenchServer, { prefix, count }: Keys, signal: AbortSignal): Promise<void> {
  const client = connect({ target });
  try {
    await fillNamespace(client, { prefix, count, valueBytes: VALUE_BYTES }, signal);
  } finally {
    client.close();
  }
}

/** Reads every key once, in batches, which fills the caches as far as they hold. */
export async function warm({ target }: BenchServer, keys: Keys): Promise<void> {
  const connection = new GrpcConnection(target);
  for (let first = 0; first < keys.count; first += BATCH) {
    const names = Array.from({ length: Math.min(BATCH, keys.count - first) }, (_, i) => keyAt(keys, first + i));
    const { path, request, check } = paramdDialect.readMany(names);
    check(await connection.call(path, request));
  }
  connection.close();
}

const BATCH = 100;

/** By path, in base64. */
async function recorded({ target }: BenchServer, key: string): Promise<Record<string, string>> {
  const connection = new GrpcConnection(target);
  const responses: Record<string, string> = {};
  for (const { path, request } of [paramdDialect.write(key, textAt(0)), paramdDialect.read(key)]) {
    responses[path] = (await connection.call(path, request)).toString('base64');
  }
  connection.close();
  return responses;
}
