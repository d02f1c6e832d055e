import type { Value } from '../../gen/parameter/v1/parameter.ts';
import { durationOfNs, nsOfDuration } from './duration.ts';

/** The kinds of values, as people call them. */
export const KINDS = ['string', 'int', 'double', 'bool', 'bytes', 'json', 'duration', 'list'] as const;
export type Kind = (typeof KINDS)[number];

/**
 * A value as TypeScript has it. The type decides the kind and nothing else does: `100n` is an int, `100` a double, so
 * that a number does not change its kind with its fraction.
 */
export type NativeValue =
  | string
  | bigint
  | number
  | boolean
  | Uint8Array
  | readonly string[]
  | { readonly json: string }
  | { readonly durationNs: bigint };

type Case = NonNullable<Value['kind']>['$case'];

const KIND_OF_CASE: Record<Case, Kind> = {
  stringValue: 'string',
  intValue: 'int',
  doubleValue: 'double',
  boolValue: 'bool',
  bytesValue: 'bytes',
  jsonValue: 'json',
  durationValue: 'duration',
  stringListValue: 'list',
};

/** As the API spells a kind in errors: "int_value". */
export function apiNameOf(kind: Kind): string {
  return kind === 'list' ? 'string_list_value' : `${kind}_value`;
}

/** The other way; undefined: a kind newer than this client. */
export function kindNamed(apiName: string): Kind | undefined {
  return KINDS.find((kind) => apiNameOf(kind) === apiName);
}

/** @throws TypeError if the value has none, because it is newer than this client */
export function kindOf(value: Value | undefined): Kind {
  if (value?.kind === undefined)
    throw new TypeError('the value is of a kind that this client does not know: update it');
  return KIND_OF_CASE[value.kind.$case];
}

/**
 * @throws RangeError for an integer beyond 64 bits, a number that is not finite, a duration beyond 10,000 years;
 *   TypeError for a string that has no UTF-8 form, and for what is no value
 */
export function toValue(native: NativeValue | Value): Value {
  if (typeof native === 'string') return { kind: { $case: 'stringValue', value: wellFormed(native) } };
  if (typeof native === 'bigint') return { kind: { $case: 'intValue', value: int64(native) } };
  if (typeof native === 'number') return { kind: { $case: 'doubleValue', value: finite(native) } };
  if (typeof native === 'boolean') return { kind: { $case: 'boolValue', value: native } };
  if (native instanceof Uint8Array) return { kind: { $case: 'bytesValue', value: Buffer.from(native) } };
  if (isList(native)) return { kind: { $case: 'stringListValue', value: { values: native.map(wellFormed) } } };
  if (typeof native !== 'object' || native === null) throw new TypeError(NO_VALUE);
  if ('json' in native) return { kind: { $case: 'jsonValue', value: wellFormed(native.json) } };
  if ('durationNs' in native) return { kind: { $case: 'durationValue', value: durationOfNs(native.durationNs) } };
  if (!('kind' in native)) throw new TypeError(NO_VALUE);
  return native;
}

const NO_VALUE =
  'a value is a string, bigint, number, boolean, Uint8Array, array of strings, { json: text } or { durationNs: bigint }';

/** @throws TypeError if the value has no kind, because it is newer than this client: never a default */
export function fromValue(value: Value | undefined): NativeValue {
  if (value?.kind === undefined) throw new TypeError('no value, or one of a kind that this client does not know');
  const kind = value.kind;
  switch (kind.$case) {
    case 'jsonValue':
      return { json: kind.value };
    case 'durationValue':
      return { durationNs: nsOfDuration(kind.value) };
    case 'stringListValue':
      return kind.value.values;
    default:
      return kind.value;
  }
}

function isList(native: object): native is readonly string[] {
  return Array.isArray(native);
}

function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('a string with half of a surrogate pair cannot be stored');
  return text;
}

function int64(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit into 64 bits`);
  return value;
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not finite`);
  return value;
}
