import { resolve } from 'node:path';
import { startThrowawayServers, type ThrowawayServers } from '../../bench/throwaway-servers.ts';
import { type CommitOperation, connect, type ParamdClient } from '../../client/index.ts';
import { loadConfig } from '../../config/load-config.ts';
import type { Replica } from '../../main.ts';
import { type Io, note } from '../io.ts';
import { packageVersion } from '../package-root.ts';

/** A replica and a client of it. */
export interface Member {
  readonly name: string;
  readonly target: string;
  readonly client: ParamdClient;
  close(): Promise<void>;
}

/** Real servers, two replicas on them, and parameters that no cache holds yet. */
export interface Fleet {
  readonly one: Member;
  readonly two: Member;
  readonly servers: ThrowawayServers;
  /** Nothing of it runs or lies about afterwards. */
  close(): Promise<void>;
}

export const MAX_USERS = 'app:config:max_users';
export const BANNER = 'app:config:banner';

const PARAMETERS: readonly CommitOperation[] = [
  { set: MAX_USERS, value: 100n, labels: new Map([['team', 'accounts']]) },
  { set: BANNER, value: 'Welcome' },
  { set: 'app:config:checkout_timeout', value: { durationNs: 1_500_000_000n } },
  { set: 'app:config:new_checkout', value: false },
];
const WARM_UP_READS = 50;

export async function openFleet(io: Io, signal: AbortSignal): Promise<Fleet> {
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const one of closing.splice(0).reverse()) await one();
  };
  try {
    const servers = await startThrowawayServers({
      valkeyPackage: resolve(io.env.PARAMD_DATA_DIR || '.paramd', 'valkey', 'package'),
      log: (line) => note(io, line),
    });
    closing.push(() => servers.close());
    signal.throwIfAborted();
    await fill(servers);
    const join = async (name: string) => {
      signal.throwIfAborted();
      const member = await openMember(name, servers.postgres.url, servers.valkey?.url);
      closing.push(() => member.close());
      await warmUp(member);
      return member;
    };
    const [one, two] = [await join('one'), await join('two')];
    return { one, two, servers, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** By a replica that knows no Valkey and ends: so nobody but PostgreSQL knows them. */
async function fill(servers: ThrowawayServers): Promise<void> {
  const member = await openMember('zero', servers.postgres.url, undefined);
  try {
    await member.client.commit(PARAMETERS);
  } finally {
    await member.close();
  }
}

async function openMember(name: string, databaseUrl: string, valkeyUrl: string | undefined): Promise<Member> {
  const env = {
    DATABASE_URL: databaseUrl,
    VALKEY_URL: valkeyUrl ?? '',
    PARAMD_LISTEN: '127.0.0.1:0',
    PARAMD_HTTP_LISTEN: '127.0.0.1:0',
    PARAMD_REPLICA_ID: name,
    PARAMD_LOG_LEVEL: 'silent',
    PARAMD_JOBS: 'off',
    PARAMD_DRAIN_MS: '1000',
  };
  const config = loadConfig(env, { embeddedAllowed: false });
  const { startReplica } = await import('../../main.ts');
  const replica: Replica = await startReplica({ config, version: packageVersion() });
  const target = `${replica.host}:${replica.port}`;
  const client = connect({ target, actor: 'demo' });
  return {
    name,
    target,
    client,
    async close() {
      client.close();
      await replica.stop();
    },
  };
}

/** What is shown is paramd, not how a process and its connections get going. */
async function warmUp({ client }: Member): Promise<void> {
  for (let i = 0; i < WARM_UP_READS; i++) await client.get(BANNER);
  await client.set(BANNER, 'Welcome');
}
