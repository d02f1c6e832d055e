import type { Valkey } from 'iovalkey';
import type { Clock, Random } from '../../ports/clock.ts';
import type { SharedCache, SharedEntry } from '../../ports/shared-cache.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Authenticator } from './authenticator.ts';
import { createBreaker } from './breaker.ts';
import type { Client } from './client.ts';
import { decodeEntry, ENTRY_CODEC_VERSION, encodeEntry } from './entry-codec.ts';
import { isReplyError } from './failure-reason.ts';
import { createPutQueue, type PlacedEntry } from './put-queue.ts';
import { PUT_COMMAND, PUT_SCRIPT } from './put-script.ts';

/** The largest parameter (a value of 1 MiB) with its labels. */
const ENTRY_BYTES_MAX = 1_153_434;
/** Of one getMany: keys asked for at a time, and bytes after which the rest counts as missed. */
const MANY_KEYS_AT_ONCE = 50;
const MANY_BYTES_MAX = 8 << 20;
/** Absent entries that may be made where nothing was: so many, and so much of what is stored besides. */
const ABSENT_ENTRIES_FREE = 1000;
const ABSENT_SHARE_MAX = 0.05;
/** A tombstone saves others a load, no more: whether an old entry may be used is told by revision and asOf. */
const ABSENT_TTL_MS_MAX = 3_600_000;
const TTL_JITTER = 0.1;
/** Of one sample: places that Valkey looks at in one step, and steps. */
const SCAN_SLOTS = 100;
const SCAN_STEPS_MAX = 20;

export interface ValkeySharedCacheOptions {
  readonly client: Client;
  readonly installationId: string;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** After which a command is a miss. */
  readonly commandTimeoutMs: number;
}

type PutCommand = (count: number, ...placesAndEntries: (string | Buffer | number)[]) => Promise<number[]>;

/** Entries are at `paramd:{<installationId>}:<epochId>:v1:<key>`, sealed for that place. */
export function createValkeySharedCache(options: ValkeySharedCacheOptions): SharedCache {
  const { client, authenticator, telemetry, random } = options;
  const { valkey } = client;
  valkey.defineCommand(PUT_COMMAND, { lua: PUT_SCRIPT });
  const putCommand = (valkey as Valkey & Record<typeof PUT_COMMAND, PutCommand>)[PUT_COMMAND].bind(valkey);
  const breaker = createBreaker({
    clock: options.clock,
    random,
    timeoutMs: options.commandTimeoutMs,
    probe: () => valkey.ping(),
    harmless: isReplyError,
    failed: () => telemetry.add('shared_errors'),
    // What is in flight and what is buffered goes with the socket, which may be dead and not know it.
    opened() {
      telemetry.log('warn', 'shared cache gives no answer and is left out');
      client.reset();
    },
    shut: () => telemetry.log('info', 'shared cache answers again'),
  });
  const putSoon = createPutQueue(send);
  let prefix: string | undefined;
  /** Of SCAN; '0': the beginning. */
  let cursor = '0';
  let presentStored = 0;
  let absentStored = 0;

  /** Undefined: no epoch yet, or Valkey is away; then nothing is sent. */
  function placeOf(key: string): string | undefined {
    return prefix === undefined || !client.ready || breaker.open() ? undefined : prefix + key;
  }

  async function get(key: string): Promise<SharedEntry | undefined> {
    const place = placeOf(key);
    if (place === undefined) return undefined;
    const sealed = await breaker.run(() => valkey.getBuffer(place));
    if (sealed === undefined || sealed === null) return undefined;
    if (place !== placeOf(key)) return undefined;
    const body = authenticator.open(place, sealed);
    const entry = body && decodeEntry(body);
    if (entry === undefined) {
      // It would keep true entries out for as long as it claims a newer revision.
      telemetry.add('shared_rejected');
      void breaker.run(() => valkey.unlink(place));
    }
    return entry;
  }

  async function getMany(keys: readonly string[]): Promise<ReadonlyMap<string, SharedEntry>> {
    const found = new Map<string, SharedEntry>();
    let bytes = 0;
    for (let i = 0; i < keys.length && bytes < MANY_BYTES_MAX; i += MANY_KEYS_AT_ONCE) {
      const some = keys.slice(i, i + MANY_KEYS_AT_ONCE);
      const entries = await Promise.all(some.map(get));
      for (const [n, entry] of entries.entries()) {
        if (entry === undefined) continue;
        bytes += entry.encoded?.length ?? 0;
        found.set(some[n]!, entry);
      }
    }
    return found;
  }

  async function put(key: string, entry: SharedEntry): Promise<boolean> {
    const place = placeOf(key);
    const absent = entry.encoded === null;
    const ttlMs = jittered(absent ? Math.min(entry.ttlMs, ABSENT_TTL_MS_MAX) : entry.ttlMs);
    if (place === undefined || ttlMs < 1 || (entry.encoded?.length ?? 0) > ENTRY_BYTES_MAX) return false;
    const mayCreate = !absent || absentStored < ABSENT_ENTRIES_FREE + presentStored * ABSENT_SHARE_MAX;
    const stored = await putSoon({ place, entry, ttlMs, mayCreate });
    if (stored && absent) absentStored++;
    else if (stored) presentStored++;
    return stored;
  }

  async function send(entries: readonly PlacedEntry[]): Promise<readonly boolean[] | undefined> {
    if (!client.ready) return undefined;
    const stored = await breaker.run(() => {
      const places = entries.map(({ place }) => place);
      const contents = entries.flatMap(({ place, entry, ttlMs, mayCreate }) => [
        authenticator.seal(place, encodeEntry(entry)),
        ttlMs,
        mayCreate ? '1' : '0',
      ]);
      return putCommand(places.length, ...places, ...contents);
    });
    return stored?.map((one) => one === 1);
  }

  /** On from where the last one ended. Valkey may give none at all in one step: other things may be stored there. */
  async function sample(keysMax: number): Promise<readonly string[]> {
    const keys = new Set<string>();
    for (let step = 0; step < SCAN_STEPS_MAX && keys.size < keysMax; step++) {
      const place = placeOf('');
      if (place === undefined) break;
      const scanned = await breaker.run(() => valkey.scan(cursor, 'MATCH', `${place}*`, 'COUNT', SCAN_SLOTS));
      if (scanned === undefined) break;
      cursor = scanned[0];
      for (const found of scanned[1]) keys.add(found.slice(place.length));
      if (cursor === '0') break;
    }
    // Where one step gave more than asked for, any of them, not always the same.
    const from = Math.floor(random() * keys.size);
    return [...keys, ...keys].slice(from, from + Math.min(keysMax, keys.size));
  }

  async function drop(key: string): Promise<void> {
    const place = placeOf(key);
    if (place !== undefined) await breaker.run(() => valkey.unlink(place));
  }

  function jittered(ttlMs: number): number {
    return Math.round(ttlMs * (1 - TTL_JITTER + 2 * TTL_JITTER * random()));
  }

  return {
    get,
    getMany,
    put,
    sample,
    drop,
    useEpoch(epochId) {
      prefix = `paramd:{${options.installationId}}:${epochId}:v${ENTRY_CODEC_VERSION}:`;
    },
    async close() {
      prefix = undefined;
      breaker.close();
      await client.close();
    },
  };
}
