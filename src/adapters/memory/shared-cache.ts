import type { Clock } from '../../ports/clock.ts';
import type { SharedCache, SharedEntry } from '../../ports/shared-cache.ts';

/** Where a command can be held: before the server has done it, or after, with the answer still on its way. */
export type HoldPoint = 'get-request' | 'get-answer' | 'put-request' | 'put-answer';

export interface Hold {
  /** Resolves when a command has come to the point. */
  readonly reached: Promise<void>;
  /** Lets it and all later ones pass. */
  release(): void;
}

/** Slots as they were: for a Valkey that is restarted with an old dump. */
export type MemoryDump = ReadonlyMap<string, Slot>;

interface Slot {
  /** Null: nothing that can be read. */
  readonly entry: SharedEntry | null;
  readonly expiresAtMs: number;
}

interface HoldSlot {
  readonly point: HoldPoint;
  readonly key: string | undefined;
  readonly reach: () => void;
  readonly released: Promise<void>;
}

const ENTRIES_MAX = 100_000;
const SPOILT: Slot = { entry: null, expiresAtMs: Number.POSITIVE_INFINITY };

/** The server that several MemorySharedCaches share, with the faults that a Valkey can have. */
export class MemoryValkey {
  /** `failing` answers every command with an error, `frozen` answers none (the caches time out). */
  mode: 'working' | 'failing' | 'frozen' = 'working';
  /** How long a command is on its way, or its answer. What is not in time is a miss; a command is done all the same. */
  travelMs: () => number = () => 0;
  #slots = new Map<string, Slot>();
  readonly #holds = new Set<HoldSlot>();

  /** Holds the commands at this point, for this key or for all. */
  hold(point: HoldPoint, key?: string): Hold {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const slot: HoldSlot = { point, key, reach: reached.resolve, released: released.promise };
    this.#holds.add(slot);
    return {
      reached: reached.promise,
      release: () => {
        this.#holds.delete(slot);
        released.resolve();
      },
    };
  }

  dump(): MemoryDump {
    return new Map(this.#slots);
  }

  /** Replaces the contents, as a restart does: with an old dump, or with nothing. */
  load(dump: MemoryDump = new Map()): void {
    this.#slots = new Map(dump);
  }

  /** Writes into entries what no cache can read: to them it is as if nothing were there. */
  spoil(isSpoilt: (place: string) => boolean): void {
    for (const place of [...this.#slots.keys()]) if (isSpoilt(place)) this.#slots.set(place, SPOILT);
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Used by MemorySharedCache. */
  async pass(point: HoldPoint, key: string): Promise<void> {
    for (const hold of this.#holds) {
      if (hold.point !== point || (hold.key !== undefined && hold.key !== key)) continue;
      hold.reach();
      await hold.released;
    }
  }

  /** Used by MemorySharedCache. */
  read(place: string, nowMs: number): SharedEntry | undefined {
    const slot = this.#slots.get(place);
    if (slot === undefined) return undefined;
    if (slot.expiresAtMs > nowMs) return slot.entry ?? undefined;
    this.#slots.delete(place);
    return undefined;
  }

  /** Used by MemorySharedCache. The newest come last, and those given go there: so others come each time. */
  places(prefix: string, countMax: number): readonly string[] {
    const places = [...this.#slots.keys()].filter((place) => place.startsWith(prefix)).slice(0, countMax);
    for (const place of places) {
      const slot = this.#slots.get(place)!;
      this.#slots.delete(place);
      this.#slots.set(place, slot);
    }
    return places;
  }

  /** Used by MemorySharedCache. */
  remove(place: string): void {
    this.#slots.delete(place);
  }

  /** Used by MemorySharedCache. */
  write(place: string, entry: SharedEntry, nowMs: number): boolean {
    if (entry.ttlMs <= 0) return false;
    const present = this.read(place, nowMs);
    if (present !== undefined && !supersedes(entry, present)) return false;
    this.#slots.delete(place);
    this.#slots.set(place, { entry, expiresAtMs: nowMs + entry.ttlMs });
    if (this.#slots.size > ENTRIES_MAX) this.#slots.delete(this.#slots.keys().next().value!);
    return true;
  }
}

function supersedes(entry: SharedEntry, present: SharedEntry): boolean {
  if (entry.revision !== present.revision) return entry.revision > present.revision;
  return entry.asOf > present.asOf;
}

export interface MemorySharedCacheOptions {
  readonly valkey: MemoryValkey;
  readonly clock: Clock;
  readonly installationId?: string;
  /** A frozen server's get is a miss after this long. */
  readonly commandTimeoutMs?: number;
}

/** The shared cache without Valkey: same meaning, no network, faults on demand. */
export class MemorySharedCache implements SharedCache {
  readonly #valkey: MemoryValkey;
  readonly #clock: Clock;
  readonly #installationId: string;
  readonly #commandTimeoutMs: number;
  #epochId: string | undefined;
  #closed = false;

  constructor(options: MemorySharedCacheOptions) {
    this.#valkey = options.valkey;
    this.#clock = options.clock;
    this.#installationId = options.installationId ?? 'installation';
    this.#commandTimeoutMs = options.commandTimeoutMs ?? 50;
  }

  async get(key: string): Promise<SharedEntry | undefined> {
    const place = this.#place(key);
    if (place === undefined || !(await this.#answers())) return undefined;
    const entry = await this.#command(key, 'get', () => this.#valkey.read(place, this.#clock.monotonicMs()));
    return place === this.#place(key) ? entry : undefined;
  }

  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, SharedEntry>> {
    const found = new Map<string, SharedEntry>();
    const entries = await Promise.all(keys.map((key) => this.get(key)));
    entries.forEach((entry, i) => {
      if (entry !== undefined) found.set(keys[i]!, entry);
    });
    return found;
  }

  async put(key: string, entry: SharedEntry): Promise<boolean> {
    const place = this.#place(key);
    if (place === undefined || !(await this.#answers())) return false;
    const put = () => this.#valkey.write(place, entry, this.#clock.monotonicMs());
    return (await this.#command(key, 'put', put)) ?? false;
  }

  async sample(keysMax: number): Promise<readonly string[]> {
    const prefix = this.#place('');
    if (prefix === undefined || !(await this.#answers())) return [];
    return this.#valkey.places(prefix, keysMax).map((place) => place.slice(prefix.length));
  }

  async drop(key: string): Promise<void> {
    const place = this.#place(key);
    if (place !== undefined && (await this.#answers())) this.#valkey.remove(place);
  }

  useEpoch(epochId: string): void {
    this.#epochId = epochId;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #place(key: string): string | undefined {
    if (this.#closed || this.#epochId === undefined) return undefined;
    return `${this.#installationId}:${this.#epochId}:${key}`;
  }

  /** Undefined: the answer was not in time. */
  async #command<T>(key: string, name: 'get' | 'put', run: () => T): Promise<T | undefined> {
    const requestMs = this.#valkey.travelMs();
    const answerMs = this.#valkey.travelMs();
    const done = this.#travelled(key, name, run, requestMs, answerMs);
    if (requestMs + answerMs <= this.#commandTimeoutMs) return done;
    await elapsed(this.#clock, this.#commandTimeoutMs);
    return undefined;
  }

  async #travelled<T>(key: string, name: 'get' | 'put', run: () => T, requestMs: number, answerMs: number): Promise<T> {
    if (requestMs > 0) await elapsed(this.#clock, requestMs);
    await this.#valkey.pass(`${name}-request`, key);
    const answer = run();
    await this.#valkey.pass(`${name}-answer`, key);
    if (answerMs > 0) await elapsed(this.#clock, answerMs);
    return answer;
  }

  async #answers(): Promise<boolean> {
    if (this.#valkey.mode === 'working') return true;
    if (this.#valkey.mode === 'frozen') await elapsed(this.#clock, this.#commandTimeoutMs);
    return false;
  }
}

function elapsed(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(ms, resolve));
}
