import { setTimeout as sleep } from 'node:timers/promises';
import type { Valkey } from 'iovalkey';
import { repeating } from '../../e2e/eventually.ts';
import { setOf, text, textOf } from '../../e2e/rpc.ts';
import { query } from '../../e2e/watch-checker.ts';
import type { Site, SiteReplica } from '../site.ts';
import { startSiteReplica } from '../site-replica.ts';
import { entryPlaces, keyOf } from './held-entries.ts';

const DATABASE = 'second_installation';
const KEYS_MAX = 100;
const PAUSE_MS = 5;

/** Another paramd, with a database of its own, that by mistake has been given the Valkey of the site. */
export async function withSecondInstallation(
  site: Site,
  use: (replica: SiteReplica, keys: readonly string[]) => Promise<void>,
): Promise<void> {
  const url = new URL(site.postgres.url);
  url.pathname = DATABASE;
  await query(site.postgres.url, `CREATE DATABASE ${DATABASE}`);
  const closing = [() => query(site.postgres.url, `DROP DATABASE ${DATABASE} WITH (FORCE)`).then(() => {})];
  try {
    const addresses = { databaseUrl: url.href, valkeyUrl: site.valkey.server.url };
    const replica = await startSiteReplica({ name: 'other-replica', ...addresses }, closing);
    const rows = await query<{ key: string }>(
      site.postgres.url,
      `SELECT key FROM paramd.current WHERE key NOT LIKE 'fault:%' LIMIT ${KEYS_MAX}`,
    );
    await use(
      replica,
      rows.map(({ key }) => key),
    );
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Writes and reads the same keys as the site's traffic does, with values of its own. */
export async function useSameKeys({ direct }: SiteReplica, keys: readonly string[]) {
  const foreign: string[] = [];
  let count = 0;
  const newest = new Map(keys.map((key) => [key, 'other']));
  await direct.commit({ operations: keys.map((key) => setOf(key, text('other'))) });
  const running = repeating(async (round) => {
    const key = keys[round % keys.length]!;
    const value = `other:${round}`;
    await direct.set({ key, value: text(value) });
    newest.set(key, value);
    const asked = keys[Math.floor(Math.random() * keys.length)]!;
    const found = textOf((await direct.get({ key: asked })).parameter);
    if (found !== newest.get(asked)) foreign.push(`${asked}: ${found} instead of ${newest.get(asked)}`);
    count++;
    await sleep(PAUSE_MS);
  });
  return {
    /** @returns how many reads there were, and those that were not of its own last write */
    stop: async () => {
      await running.stop();
      return { count, foreign };
    },
  };
}

/** Hands each installation what the other announces, and the entries of the other's cache under its own names. */
export async function mixUp(valkey: Valkey, forMs: number): Promise<{ announcements: number; entries: number }> {
  const listener = valkey.duplicate();
  listener.on('error', () => {});
  const channels = new Set<string>();
  const passed = new Set<string>();
  const passing: Promise<number>[] = [];
  listener.on('pmessageBuffer', (_pattern: Buffer, heardOn: Buffer, message: Buffer) => {
    const from = heardOn.toString();
    channels.add(from);
    const id = message.toString('base64');
    // It is heard again where it was passed to.
    if (passed.has(id)) return;
    passed.add(id);
    for (const to of channels) if (to !== from) passing.push(valkey.publish(to, message));
  });
  let entries = 0;
  try {
    await listener.psubscribe('paramd:{*}:*:changes');
    const endMs = performance.now() + forMs;
    while (performance.now() < endMs) {
      entries += await copyOne(valkey);
      await sleep(PAUSE_MS);
    }
  } finally {
    // First: what is heard from now on would be passed on by a client that is closed.
    listener.removeAllListeners('pmessageBuffer');
    listener.disconnect();
    await Promise.all(passing);
  }
  return { announcements: passing.length, entries };
}

async function copyOne(valkey: Valkey): Promise<number> {
  const places = await entryPlaces(valkey);
  const from = places[Math.floor(Math.random() * places.length)];
  const installation = from?.split(':')[1];
  const to = places.find((place) => place.split(':')[1] !== installation && keyOf(place) === keyOf(from!));
  const entry = from === undefined || to === undefined ? null : await valkey.getBuffer(from);
  if (entry === null) return 0;
  await valkey.set(to!, entry, 'PX', 60_000);
  return 1;
}
