// The wire form of a parameter. The naive way is the generated encoder, on an object built for it, with the value decoded
// and encoded again: 3 µs and more for each. Values are wire bytes already, so one pass over a scratch buffer does.

import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Parameter, ValueKind } from '../model/parameter.ts';
import { VALUE_KINDS } from '../model/parameter.ts';
import type { ParameterCodec } from '../ports/codec.ts';
import { writeInt64, writeLength, writeText, writeTime } from './protobuf-bytes.ts';

/** Field 1 of whatever carries it. */
const PARAMETER_TAG = 0x0a;
const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;
const REVISION_TAG = 0x18;
const CREATE_REVISION_TAG = 0x20;
const VERSION_TAG = 0x28;
const CREATE_TIME_TAG = 0x32;
const UPDATE_TIME_TAG = 0x3a;
const UPDATED_BY_TAG = 0x42;
const LABEL_TAG = 0x4a;
const CACHE_TTL_TAG = 0x52;

/** Tag and length before the parameter: 1 + 5 bytes at most. */
const PREFIX_BYTES_MAX = 6;
const scratch = Buffer.allocUnsafeSlow(64 << 10);

export const parameterCodec: ParameterCodec = { encode: encodeParameter, decode: decodeParameter };

/** As ParameterCodec says. A buffer of its own: what a cache keeps must not hold on to a larger one. */
export function encodeParameter(parameter: Parameter): Buffer {
  const target = scratchOf(parameterBytesMax(parameter));
  const length = writeParameter(target, 0, PARAMETER_TAG, parameter);
  const encoded = Buffer.allocUnsafeSlow(length);
  target.copy(encoded, 0, 0, length);
  return encoded;
}

/** Room to write into, until whoever asked for it has copied what it wrote. */
export function scratchOf(bytes: number): Buffer {
  return bytes <= scratch.length ? scratch : Buffer.allocUnsafeSlow(bytes);
}

/** The parameter as a field of whatever carries it. @returns the position behind it */
export function writeParameter(target: Buffer, at: number, tag: number, parameter: Parameter): number {
  const start = at + PREFIX_BYTES_MAX;
  const end = writeFields(target, start, parameter);
  const from = writeLength(target, at, tag, end - start);
  target.copyWithin(from, start, end);
  return from + end - start;
}

/** Of what writeParameter writes, and of what it needs meanwhile. */
export function parameterBytesMax(parameter: Parameter): number {
  let bytes =
    PREFIX_BYTES_MAX +
    128 +
    (parameter.key.length + parameter.updatedBy.length) * 3 +
    (parameter.value?.encoded.length ?? 0);
  for (const [name, text] of parameter.labels) bytes += 24 + (name.length + text.length) * 3;
  return bytes;
}

function writeFields(target: Buffer, start: number, parameter: Parameter): number {
  let at = start;
  if (parameter.key !== '') at = writeText(target, at, KEY_TAG, parameter.key);
  if (parameter.value !== undefined) {
    at = writeLength(target, at, VALUE_TAG, parameter.value.encoded.length);
    target.set(parameter.value.encoded, at);
    at += parameter.value.encoded.length;
  }
  at = writeNumber(target, at, REVISION_TAG, parameter.revision);
  at = writeNumber(target, at, CREATE_REVISION_TAG, parameter.createRevision);
  at = writeNumber(target, at, VERSION_TAG, parameter.version);
  if (parameter.createTimeUs !== 0n) at = writeTime(target, at, CREATE_TIME_TAG, parameter.createTimeUs * 1000n);
  if (parameter.updateTimeUs !== 0n) at = writeTime(target, at, UPDATE_TIME_TAG, parameter.updateTimeUs * 1000n);
  if (parameter.updatedBy !== '') at = writeText(target, at, UPDATED_BY_TAG, parameter.updatedBy);
  for (const [name, text] of parameter.labels) at = writeLabel(target, at, name, text);
  if (parameter.cacheTtlNs !== 0n) at = writeTime(target, at, CACHE_TTL_TAG, parameter.cacheTtlNs);
  return at;
}

function writeNumber(target: Buffer, at: number, tag: number, value: bigint): number {
  if (value === 0n) return at;
  target[at] = tag;
  return writeInt64(target, at + 1, value);
}

function writeLabel(target: Buffer, at: number, name: string, text: string): number {
  const start = at + PREFIX_BYTES_MAX;
  const end = writeText(target, writeText(target, start, 0x0a, name), 0x12, text);
  const from = writeLength(target, at, LABEL_TAG, end - start);
  target.copyWithin(from, start, end);
  return from + end - start;
}

/** Throws on anything that encodeParameter does not give: what it read must encode to the same bytes. */
export function decodeParameter(encoded: Uint8Array): Parameter {
  const reader = new BinaryReader(encoded);
  if (reader.uint32() !== PARAMETER_TAG || reader.uint32() !== reader.len - reader.pos) throw malformed();
  const parameter = readFields(reader);
  if (Buffer.compare(encodeParameter(parameter), encoded) !== 0) throw malformed();
  return parameter;
}

function malformed(): Error {
  return new Error('these bytes are no encoded parameter');
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function readFields(reader: BinaryReader): Parameter {
  const labels = new Map<string, string>();
  const parameter: Mutable<Parameter> = {
    key: '',
    value: undefined,
    revision: 0n,
    createRevision: 0n,
    version: 0n,
    createTimeUs: 0n,
    updateTimeUs: 0n,
    updatedBy: '',
    labels,
    cacheTtlNs: 0n,
  };
  while (reader.pos < reader.len) {
    switch (reader.uint32()) {
      case KEY_TAG:
        parameter.key = readText(reader);
        break;
      case VALUE_TAG:
        parameter.value = readValue(reader.bytes());
        break;
      case REVISION_TAG:
        parameter.revision = BigInt(reader.int64());
        break;
      case CREATE_REVISION_TAG:
        parameter.createRevision = BigInt(reader.int64());
        break;
      case VERSION_TAG:
        parameter.version = BigInt(reader.int64());
        break;
      case CREATE_TIME_TAG:
        parameter.createTimeUs = readTime(reader) / 1000n;
        break;
      case UPDATE_TIME_TAG:
        parameter.updateTimeUs = readTime(reader) / 1000n;
        break;
      case UPDATED_BY_TAG:
        parameter.updatedBy = readText(reader);
        break;
      case LABEL_TAG:
        readLabel(reader, labels);
        break;
      case CACHE_TTL_TAG:
        parameter.cacheTtlNs = readTime(reader);
        break;
      default:
        throw malformed();
    }
  }
  return parameter;
}

/** Unlike BinaryReader.string, keeps a byte order mark. */
function readText(reader: BinaryReader): string {
  const bytes = reader.bytes();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function readValue(encoded: Uint8Array): Parameter['value'] {
  return { kind: kindOf(encoded), encoded };
}

/** Kind of an encoded parameter.v1.Value: its fields are numbered as VALUE_KINDS are listed. */
export function kindOf(encoded: Uint8Array): ValueKind {
  const kind = VALUE_KINDS[((encoded[0] ?? 0) >> 3) - 1];
  if (kind === undefined) throw malformed();
  return kind;
}

function readLabel(reader: BinaryReader, labels: Map<string, string>): void {
  const end = reader.uint32() + reader.pos;
  if (reader.uint32() !== 0x0a) throw malformed();
  const name = readText(reader);
  if (reader.uint32() !== 0x12) throw malformed();
  labels.set(name, readText(reader));
  if (reader.pos !== end) throw malformed();
}

function readTime(reader: BinaryReader): bigint {
  const end = reader.uint32() + reader.pos;
  let nanoseconds = 0n;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x08) nanoseconds += BigInt(reader.int64()) * 1_000_000_000n;
    else if (tag === 0x10) nanoseconds += BigInt(reader.int32());
    else throw malformed();
  }
  return nanoseconds;
}
