import type { Parameter } from '../../../gen/parameter/v1/parameter.ts';
import { fromValue, type Kind, kindOf, type NativeValue } from '../values.ts';
import type { ParsedJson } from './parsed-json.ts';

/** A parameter as it is held. Nothing of it changes but what is remembered in `parsed`. */
export class Entry {
  /** Undefined: newer than this client. */
  readonly kind: Kind | undefined;
  readonly value: NativeValue | undefined;
  /** What number() gives of an int or a double, duration() of a duration. Undefined also: an integer beyond 2^53. */
  readonly number: number | undefined;
  readonly revision: bigint;
  /** Of JSON, once it was read. */
  parsed: ParsedJson | undefined = undefined;

  constructor(kind: Kind | undefined, value: NativeValue | undefined, revision: bigint) {
    this.kind = kind;
    this.value = value;
    this.number = numberOf(value);
    this.revision = revision;
  }
}

/** Whatever came: what this client cannot read is an entry without a kind, and the feed goes on. */
export function entryOf({ value, revision }: Parameter): Entry {
  if (value?.kind === undefined) return new Entry(undefined, undefined, revision);
  const native = fromValue(value);
  return new Entry(kindOf(value), Array.isArray(native) ? Object.freeze(native) : native, revision);
}

function numberOf(value: NativeValue | undefined): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : undefined;
  }
  if (typeof value === 'object' && 'durationNs' in value) return Number(value.durationNs) / 1e6;
  return undefined;
}

export function isSameValue(one: Entry, other: Entry): boolean {
  if (one.kind !== other.kind) return false;
  const [a, b] = [one.value, other.value];
  if (typeof a !== 'object' || typeof b !== 'object') return Object.is(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if ('json' in a && 'json' in b) return a.json === b.json;
  if ('durationNs' in a && 'durationNs' in b) return a.durationNs === b.durationNs;
  const [left, right] = [a as readonly string[], b as readonly string[]];
  return left.length === right.length && left.every((text, index) => text === right[index]);
}
