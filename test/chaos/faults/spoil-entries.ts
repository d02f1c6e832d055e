import { randomBytes } from 'node:crypto';
import type { Valkey } from 'iovalkey';
import { createAuthenticator } from '../../../src/adapters/valkey/authenticator.ts';
import { encodeEntry } from '../../../src/adapters/valkey/entry-codec.ts';
import { entryPlaces } from './held-entries.ts';

const KEPT_MS = 60_000;
const FAR_REVISION = 2n ** 62n;
/** Another installation has another one. */
const otherSecret = createAuthenticator(randomBytes(32), 'shared cache');

type Spoil = (valkey: Valkey, place: string, entry: Buffer) => Promise<unknown>;

/** By what was done, for people. */
const WAYS: Readonly<Record<string, Spoil>> = {
  'random bytes': (valkey, place, entry) => valkey.set(place, randomBytes(entry.length), 'PX', KEPT_MS),
  truncated: (valkey, place, entry) => valkey.set(place, entry.subarray(0, at(entry.length)), 'PX', KEPT_MS),
  'a bit turned': (valkey, place, entry) => valkey.set(place, turned(entry), 'PX', KEPT_MS),
  'another type': (valkey, place) => valkey.multi().del(place).rpush(place, 'x').pexpire(place, KEPT_MS).exec(),
  'from another installation, with a revision far ahead': (valkey, place) =>
    valkey.set(place, otherSecret.seal(place, farEntry()), 'PX', KEPT_MS),
  'far ahead, without a MAC': (valkey, place) => valkey.set(place, farEntry(), 'PX', KEPT_MS),
};

/** Writes garbage over entries, entries of other keys, and entries as they were earlier. Each round spoils one. */
export class EntrySpoiler {
  readonly counts: Record<string, number> = {};
  readonly #valkey: Valkey;
  readonly #earlier: ReadonlyMap<string, Buffer>;

  /** @param earlier genuine entries, old by the time that they are written back */
  constructor(valkey: Valkey, earlier: ReadonlyMap<string, Buffer>) {
    this.#valkey = valkey;
    this.#earlier = earlier;
  }

  async round(): Promise<void> {
    const places = await entryPlaces(this.#valkey);
    if (places.length === 0) return;
    const place = any(places);
    const entry = await this.#read(place);
    if (entry === undefined) return;
    const ways = Object.keys(WAYS);
    const choice = at(ways.length + 2);
    const way = ways[choice];
    if (way !== undefined) {
      await WAYS[way]!(this.#valkey, place, entry);
      this.#count(way);
    } else if (choice === ways.length) {
      const other = await this.#read(any(places));
      if (other === undefined || other.equals(entry)) return;
      await this.#valkey.set(place, other, 'PX', KEPT_MS);
      this.#count('of another key');
    } else {
      const earlier = this.#earlier.get(place);
      if (earlier === undefined || earlier.equals(entry)) return;
      await this.#valkey.set(place, earlier, 'PX', KEPT_MS);
      this.#count('an older one');
    }
  }

  async #read(place: string): Promise<Buffer | undefined> {
    // It may be of another type by now.
    return (await this.#valkey.getBuffer(place).catch(() => null)) ?? undefined;
  }

  #count(way: string): void {
    this.counts[way] = (this.counts[way] ?? 0) + 1;
  }
}

function farEntry(): Buffer {
  return encodeEntry({ revision: FAR_REVISION, asOf: FAR_REVISION, encoded: randomBytes(20), ttlMs: KEPT_MS });
}

function turned(entry: Buffer): Buffer {
  const copy = Buffer.from(entry);
  const byte = at(copy.length);
  copy[byte] = copy[byte]! ^ (1 << at(8));
  return copy;
}

function any<T>(all: readonly T[]): T {
  return all[at(all.length)]!;
}

function at(end: number): number {
  return Math.floor(Math.random() * end);
}
