import type { Revision } from './revision.ts';

/** Names of the kinds in parameter.v1.Value, as errors and the store spell them. */
export const VALUE_KINDS = [
  'string_value',
  'int_value',
  'double_value',
  'bool_value',
  'bytes_value',
  'json_value',
  'duration_value',
  'string_list_value',
] as const;
export type ValueKind = (typeof VALUE_KINDS)[number];

/** A typed value. Only rpc/ and clients look inside `encoded`: the bytes of a parameter.v1.Value. */
export interface Value {
  readonly kind: ValueKind;
  readonly encoded: Uint8Array;
}

/** A parameter as of its last write. */
export interface Parameter {
  readonly key: string;
  /** Undefined only in listings with keysOnly and in delete events. */
  readonly value: Value | undefined;
  readonly revision: Revision;
  readonly createRevision: Revision;
  /** Writes since creation, 1 when new. */
  readonly version: bigint;
  /** Microseconds since 1970, by the store's clock. */
  readonly createTimeUs: bigint;
  readonly updateTimeUs: bigint;
  readonly updatedBy: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Nanoseconds. 0n in delete events. */
  readonly cacheTtlNs: bigint;
}

export const CACHE_TTL_DEFAULT_NS = 3_600_000_000_000n;

/**
 * About what a parameter takes on the wire, in bytes; never less than three quarters of it.
 * Used for every bound that is in bytes, so that core needs no encoder.
 */
export function parameterBytes(parameter: Parameter): number {
  let bytes = 96 + parameter.key.length * 3 + parameter.updatedBy.length * 3 + (parameter.value?.encoded.length ?? 0);
  for (const [name, text] of parameter.labels) bytes += 8 + (name.length + text.length) * 3;
  return bytes;
}
