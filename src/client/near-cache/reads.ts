import type { Kind, NativeValue } from '../values.ts';
import type { Contents } from './contents.ts';
import type { DefaultsCounter } from './defaults-counter.ts';
import type { Entry } from './entry.ts';
import type { DefaultsUsed, JsonValue, NearCache, ReadDetail, ReadReason, ReadTypes } from './near-cache.ts';
import { type JsonOutcome, ParsedJson } from './parsed-json.ts';
import type { StandardSchema } from './standard-schema.ts';

type ReadKind = keyof ReadTypes | 'json';

/** What an entry gives to one kind of read. */
interface Outcome {
  readonly value: unknown;
  readonly problem: string | undefined;
}

export interface ReadsOptions {
  readonly contents: Contents;
  readonly prefixes: readonly string[];
  readonly defaults: DefaultsCounter;
  /** Of what is held, now. */
  readonly boundMs: () => number | undefined;
  readonly isDegraded: (boundMs: number | undefined) => boolean;
}

/**
 * The reading half of a near cache. A read that finds its value is one look into a map and allocates nothing; all else
 * goes the long way, by `instead`.
 */
export abstract class Reads {
  readonly #options: ReadsOptions;
  readonly #contents: Contents;

  constructor(options: ReadsOptions) {
    this.#options = options;
    this.#contents = options.contents;
  }

  string(key: string, fallback: string): string {
    const entry = this.#contents.entries.get(key);
    return entry?.kind === 'string' ? (entry.value as string) : this.#instead('string', key, entry, fallback);
  }

  number(key: string, fallback: number): number {
    const entry = this.#contents.entries.get(key);
    if (entry?.number !== undefined && entry.kind !== 'duration') return entry.number;
    return this.#instead('number', key, entry, fallback);
  }

  bigint(key: string, fallback: bigint): bigint {
    const entry = this.#contents.entries.get(key);
    return entry?.kind === 'int' ? (entry.value as bigint) : this.#instead('bigint', key, entry, fallback);
  }

  boolean(key: string, fallback: boolean): boolean {
    const entry = this.#contents.entries.get(key);
    return entry?.kind === 'bool' ? (entry.value as boolean) : this.#instead('boolean', key, entry, fallback);
  }

  bytes(key: string, fallback: Uint8Array): Uint8Array {
    const entry = this.#contents.entries.get(key);
    return entry?.kind === 'bytes' ? (entry.value as Uint8Array) : this.#instead('bytes', key, entry, fallback);
  }

  duration(key: string, fallbackMs: number): number {
    const entry = this.#contents.entries.get(key);
    if (entry?.number !== undefined && entry.kind === 'duration') return entry.number;
    return this.#instead('duration', key, entry, fallbackMs);
  }

  list(key: string, fallback: readonly string[]): readonly string[] {
    const entry = this.#contents.entries.get(key);
    return entry?.kind === 'list' ? (entry.value as readonly string[]) : this.#instead('list', key, entry, fallback);
  }

  json(key: string, fallback: JsonValue): JsonValue;
  json<T>(key: string, fallback: T, schema: StandardSchema<T>): T;
  json(key: string, fallback: unknown, schema?: StandardSchema<unknown>): unknown {
    const entry = this.#contents.entries.get(key);
    if (entry?.kind === 'json') {
      const { value, problem } = jsonOf(entry, schema);
      if (problem === undefined) return value;
    }
    return this.#instead('json', key, entry, fallback, schema);
  }

  detail<K extends keyof ReadTypes>(kind: K, key: string, fallback: ReadTypes[K]): ReadDetail<ReadTypes[K]>;
  detail(kind: 'json', key: string, fallback: JsonValue): ReadDetail<JsonValue>;
  detail<T>(kind: 'json', key: string, fallback: T, schema: StandardSchema<T>): ReadDetail<T>;
  detail(
    kind: ReadKind,
    key: string,
    fallback: unknown,
    schema?: StandardSchema<unknown>,
  ): ReadDetail<never> | ReadDetail<unknown> {
    if (!Object.hasOwn(KINDS_READ, kind))
      throw new TypeError(`detail: ${Object.keys(KINDS_READ).join(', ')}; not ${kind}`);
    const entry = this.#contents.entries.get(key);
    const { source } = this.#contents;
    const { stalenessBoundMs } = this;
    const worth = { stalenessBoundMs, degraded: this.#options.isDegraded(stalenessBoundMs) };
    const outcome = entry && outcomeOf(kind, entry, schema);
    if (entry !== undefined && outcome?.problem === undefined) {
      return { value: outcome?.value, reason: source as ReadReason, revision: entry.revision, ...worth };
    }
    const { reason, problem } = this.#count(key, outcome);
    return { value: fallback, reason, revision: 0n, ...worth, problem };
  }

  has(key: string): boolean {
    const isThere = this.#contents.entries.has(key);
    if (!isThere) this.checkCovered(key);
    return isThere;
  }

  kindOf(key: string): Kind | undefined {
    const entry = this.#contents.entries.get(key);
    if (entry === undefined) this.checkCovered(key);
    return entry?.kind;
  }

  entries(prefix = ''): IterableIterator<[key: string, value: NativeValue]> {
    this.checkOverlaps(prefix);
    const found: [string, NativeValue][] = [];
    for (const [key, { value }] of this.#contents.entries) {
      if (value !== undefined && key.startsWith(prefix)) found.push([key, value]);
    }
    return found.values();
  }

  get size(): number {
    return this.#contents.entries.size;
  }

  get revision(): bigint {
    return this.#contents.revision;
  }

  get stalenessBoundMs(): number | undefined {
    return this.#contents.source === 'CACHE' ? this.#options.boundMs() : undefined;
  }

  get degraded(): boolean {
    return this.#options.isDegraded(this.stalenessBoundMs);
  }

  get source(): NearCache['source'] {
    return this.#contents.source;
  }

  get defaultsUsed(): ReadonlyMap<string, DefaultsUsed> {
    return this.#options.defaults.byKey;
  }

  /** @throws TypeError: it would never be anything but absent */
  protected checkCovered(key: string): void {
    const { prefixes } = this.#options;
    if (prefixes.some((prefix) => key.startsWith(prefix))) return;
    throw new TypeError(`"${key}" is under none of this cache's prefixes: ${prefixes.join(', ')}; add one for it`);
  }

  /** @throws TypeError: nothing under it would ever be there */
  protected checkOverlaps(prefix: string): void {
    if (!this.#options.prefixes.some((kept) => kept.startsWith(prefix))) this.checkCovered(prefix);
  }

  #instead<T>(kind: ReadKind, key: string, entry: Entry | undefined, fallback: T, schema?: StandardSchema<T>): T {
    this.#count(key, entry && outcomeOf(kind, entry, schema));
    return fallback;
  }

  /** A default stands in. @param outcome undefined: there is no such parameter */
  #count(key: string, outcome: Outcome | undefined): { reason: ReadReason; problem: string } {
    if (outcome === undefined) this.checkCovered(key);
    const absent = this.#contents.source === 'NOT_READY' ? 'NOT_READY' : 'MISSING';
    const reason = outcome === undefined ? absent : 'WRONG_KIND';
    const problem = outcome?.problem ?? WHY_ABSENT[absent];
    this.#options.defaults.count(key, reason, problem);
    return { reason, problem };
  }
}

const WHY_ABSENT = { MISSING: 'there is no such parameter', NOT_READY: 'nothing is loaded yet' } as const;

/** Which kind of parameter has the value that a read of another name gives. */
const KINDS_READ: Record<ReadKind, readonly Kind[]> = {
  string: ['string'],
  number: ['int', 'double'],
  bigint: ['int'],
  boolean: ['bool'],
  bytes: ['bytes'],
  duration: ['duration'],
  list: ['list'],
  json: ['json'],
};

function outcomeOf(kind: ReadKind, entry: Entry, schema?: StandardSchema<unknown>): Outcome {
  if (entry.kind === undefined)
    return { value: undefined, problem: 'it is of a kind newer than this client: update it' };
  if (!KINDS_READ[kind].includes(entry.kind)) {
    return { value: undefined, problem: `it is of kind ${entry.kind}, read as ${kind}` };
  }
  if (kind === 'json') return jsonOf(entry, schema);
  if (kind !== 'number' && kind !== 'duration') return { value: entry.value, problem: undefined };
  const problem = entry.number === undefined ? 'it is an integer beyond 2^53: read it as bigint' : undefined;
  return { value: entry.number, problem };
}

function jsonOf(entry: Entry, schema: StandardSchema<unknown> | undefined): JsonOutcome {
  entry.parsed ??= new ParsedJson((entry.value as { readonly json: string }).json);
  return schema === undefined ? entry.parsed.plain() : entry.parsed.by(schema);
}
