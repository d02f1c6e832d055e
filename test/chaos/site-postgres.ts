import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../e2e/eventually.ts';
import { query } from '../e2e/watch-checker.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { startPostgres, type TestServer } from '../support/servers.ts';
import type { PastPrimary, SiteOptions, SitePostgres } from './site.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

type Kind = 'asynchronous' | 'synchronous';

/** A standby that was cut off for a while finds what it missed, and looks for it at once. */
const REPLICATION_SETTINGS = { wal_keep_size: '256MB', wal_retrieve_retry_interval: '100ms' };
const PROMOTION_S_MAX = 30;

/**
 * @param closing what to do at the end, in reverse order
 * @param links of the site's replicas to PostgreSQL, which `lead` turns
 */
export async function startSitePostgres(
  options: SiteOptions,
  closing: (() => Promise<void>)[],
  links: () => readonly TestProxy[],
): Promise<SitePostgres> {
  const { durable = true, standbys: kinds = [] } = options;
  const common = { ...REPLICATION_SETTINGS, ...options.postgresSettings };
  let disk: SmallDisk | undefined;
  const first = await startPostgres({
    durable,
    settings: { ...common, synchronous_standby_names: synchronousNames(kinds) },
    prepare: (folder) => {
      if (options.postgresDiskBytes !== undefined) disk = mountSmallDisk(folder, options.postgresDiskBytes);
    },
  });
  closing.push(() => first.close());
  closing.push(async () => {
    await first.stop();
    disk?.unmount();
  });

  /** A copy of a stopped one. */
  async function copy(of: TestServer, prepare: (folder: string) => void): Promise<TestServer> {
    const copied = await startPostgres({ durable, settings: common, copyOf: of, prepare });
    closing.push(() => copied.close());
    return copied;
  }

  const replication: TestProxy[] = [];
  const standbys: TestServer[] = [];
  if (kinds.length > 0) await first.stop();
  for (const at of kinds.keys()) {
    const proxy = await startProxy(first.port);
    closing.push(() => proxy.close());
    replication.push(proxy);
    standbys.push(await copy(first, (folder) => follow(folder, proxy.through(first.url), standbyName(at))));
  }
  if (kinds.length > 0) await first.start();
  await eventually(async () => (await streaming(first)) === kinds.length);

  let primary = first;
  const primaries: (PastPrimary & { server: TestServer; untilMs: number })[] = [
    { server: first, untilMs: Number.POSITIVE_INFINITY },
  ];
  const lead = (to: TestServer) => {
    for (const link of links()) link.lead(to.port);
  };
  const replace = (by: TestServer) => {
    lead(by);
    primaries.at(-1)!.untilMs = performance.now();
    primaries.push({ server: by, untilMs: Number.POSITIVE_INFINITY });
    primary = by;
  };
  return {
    get primary() {
      return primary;
    },
    get url() {
      return primary.url;
    },
    standbys,
    replication,
    primaries,
    disk,
    lead,
    replace,
    promote: async (at) => {
      const standby = standbys[at]!;
      await promote(standby);
      const tookWritesMs = performance.now();
      replace(standby);
      return tookWritesMs;
    },
    backUp: async () => {
      const [standby] = standbys;
      await standby!.stop();
      const backup = await copy(standby!, unfollow);
      await backup.stop();
      await standby!.start();
      return backup;
    },
    comeBack: async () => {
      const former = primaries.at(-2)!;
      const { server } = former;
      // Started once, because a copy of what was killed must recover before it can be read.
      former.server = await copy(server, () => {});
      await server.start();
      return server;
    },
  };
}

/** It takes writes when this resolves. */
export async function promote(standby: TestServer): Promise<void> {
  const [row] = await query<{ done: boolean }>(standby.url, `SELECT pg_promote(true, ${PROMOTION_S_MAX}) AS done`);
  if (!row!.done) throw new Error(`the standby was not promoted within ${PROMOTION_S_MAX} s`);
}

function standbyName(at: number): string {
  return `standby${at + 1}`;
}

/** Empty: commits wait for none. */
function synchronousNames(kinds: readonly Kind[]): string {
  const names = kinds.flatMap((kind, at) => (kind === 'synchronous' ? [standbyName(at)] : []));
  return names.join(', ');
}

function follow(folder: string, url: string, name: string): void {
  const { hostname, port, username, password } = new URL(url);
  const way = `host=${hostname} port=${port} user=${username} password=${password} application_name=${name}`;
  writeFileSync(join(folder, 'data', 'postgresql.auto.conf'), `primary_conninfo = '${way}'\n`);
  writeFileSync(join(folder, 'data', 'standby.signal'), '');
}

/** Started, it goes on by itself, in the timeline that it was in: as people restore a copy of a folder. */
function unfollow(folder: string): void {
  rmSync(join(folder, 'data', 'standby.signal'), { force: true });
  writeFileSync(join(folder, 'data', 'postgresql.auto.conf'), '');
}

async function streaming(primary: TestServer): Promise<number> {
  const [row] = await query<{ count: number }>(
    primary.url,
    "SELECT count(*)::int AS count FROM pg_stat_replication WHERE state = 'streaming'",
  );
  return row!.count;
}
