import type { Valkey } from 'iovalkey';
import { query } from '../../e2e/watch-checker.ts';
import { askValkey } from '../site-valkey.ts';

/** Where an entry tells the revision of its parameter: see src/adapters/valkey/entry-codec.ts. */
const REVISION_AT = 4;
const HEAD_BYTES = 12;

/** What the shared cache holds, by place. */
export function heldEntries(valkeyUrl: string): Promise<ReadonlyMap<string, Buffer>> {
  return askValkey(valkeyUrl, async (valkey) => {
    const places = await entryPlaces(valkey);
    const entries = places.length === 0 ? [] : await valkey.mgetBuffer(...places);
    return new Map(places.flatMap((place, at) => (entries[at] ? [[place, entries[at]] as const] : [])));
  });
}

/** Of entries: `paramd:{installation}:epoch:v1:key`. */
export async function entryPlaces(valkey: Valkey): Promise<readonly string[]> {
  return valkey.keys('paramd:{*}:*:v*:*');
}

/** How many of them are older than what the store has now. */
export async function oldEntries(entries: ReadonlyMap<string, Buffer>, databaseUrl: string): Promise<number> {
  const rows = await query<{ key: string; mod_revision: string }>(
    databaseUrl,
    'SELECT key, mod_revision FROM paramd.current',
  );
  const newest = new Map(rows.map(({ key, mod_revision }) => [key, BigInt(mod_revision)]));
  const isOld = ([place, entry]: readonly [string, Buffer]) =>
    entry.length >= HEAD_BYTES && (newest.get(keyOf(place)) ?? 0n) > entry.readBigUInt64BE(REVISION_AT);
  return [...entries].filter(isOld).length;
}

export function keyOf(place: string): string {
  return place.split(':').slice(4).join(':');
}
