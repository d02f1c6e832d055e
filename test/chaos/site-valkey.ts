import { Valkey } from 'iovalkey';
import { eventually } from '../e2e/eventually.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { startValkey, type TestServer } from '../support/servers.ts';
import type { SiteOptions, SiteValkey } from './site.ts';

/** Entries are small and few: the first copy is there at once. */
const PRIMARY_SETTINGS = { 'repl-diskless-sync-delay': '0', 'repl-ping-replica-period': '1' };
/** A cut-off replica must go on with the old contents rather than forget them at a new full copy. */
const REPLICA_SETTINGS = { 'repl-diskless-load': 'disabled', 'repl-timeout': '3600' };

/**
 * @param closing what to do at the end, in reverse order
 * @param links of the site's replicas to Valkey, which `lead` turns
 */
export async function startSiteValkey(
  options: SiteOptions,
  closing: (() => Promise<void>)[],
  links: () => readonly TestProxy[],
): Promise<SiteValkey> {
  const server = await startValkey({ ...PRIMARY_SETTINGS, ...options.valkeySettings });
  closing.push(() => server.close());
  const lead = (to: TestServer) => {
    for (const link of links()) link.lead(to.port);
  };
  if (!options.valkeyReplica) return { server, replica: undefined, replication: undefined, lead };

  const replication = await startProxy(server.port);
  closing.push(() => replication.close());
  const replica = await startValkeyReplica(server, replication, options.valkeySettings);
  closing.push(() => replica.close());
  return { server, replica, replication, lead };
}

/** It has the password of its primary, so that links can be led to it. */
async function startValkeyReplica(
  primary: TestServer,
  replication: TestProxy,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const { password } = new URL(primary.url);
  const started = await startValkey({ ...settings, ...REPLICA_SETTINGS, masterauth: password });
  const url = new URL(started.url);
  url.password = password;
  const follow = async () => {
    await askValkey(started.url, (valkey) => valkey.config('SET', 'requirepass', password));
    await askValkey(url.href, (valkey) => valkey.replicaof('127.0.0.1', replication.port));
    await eventually(async () => (await replicationOf(url.href)).includes('master_link_status:up'));
  };
  await follow();
  return {
    ...started,
    url: url.href,
    start: async () => {
      await started.start();
      await follow();
    },
  };
}

/** One short connection, past every proxy. */
export async function askValkey<T>(url: string, ask: (valkey: Valkey) => Promise<T>): Promise<T> {
  const { hostname, port, password } = new URL(url);
  const valkey = new Valkey({
    host: hostname,
    port: Number(port),
    password,
    connectionName: 'chaos',
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // A command tells of it.
  valkey.on('error', () => {});
  try {
    return await ask(valkey);
  } finally {
    valkey.disconnect();
  }
}

function replicationOf(url: string): Promise<string> {
  return askValkey(url, (valkey) => valkey.info('replication'));
}
