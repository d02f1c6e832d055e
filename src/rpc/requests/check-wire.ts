// Looks over the bytes of a request before anything is decoded. The naive way, decoding first, has three holes:
// - the generated decoder stops or strays where lengths do not nest, and takes what it has for the whole request;
// - it turns invalid UTF-8 into U+FFFD, so that another text would be stored than was sent;
// - four megabytes of two-byte fields become hundreds of megabytes of objects.
// So one walk, which allocates nothing for a good request, checks structure, text, unknown fields and counts.
import { isUtf8 } from 'node:buffer';
import { ParamdError } from '../../model/errors.ts';
import { exceeded, type Findings, invalid, invalidField } from '../findings.ts';
import type { Shape, ShapeField } from './shape.ts';

/** How many times a repeated field may come, by message and field. Others are bounded by fieldsMax alone. */
const COUNTS_MAX: Readonly<Record<string, { readonly limit: string; readonly maximum: number }>> = {
  'parameter.v1.CommitRequest.conditions': { limit: 'conditions', maximum: 300 },
  'parameter.v1.CommitRequest.operations': { limit: 'operations', maximum: 300 },
  'parameter.v1.StringList.values': { limit: 'string_list_values', maximum: 10_000 },
  'parameter.v1.SetParameterRequest.labels': { limit: 'labels', maximum: 64 },
  'parameter.v1.SetParameterRequest.remove_labels': { limit: 'remove_labels', maximum: 64 },
  'parameter.v1.SetOperation.labels': { limit: 'labels', maximum: 64 },
  'parameter.v1.SetOperation.remove_labels': { limit: 'remove_labels', maximum: 64 },
};

/** Fields of a whole request, at every level. A commit of 300 lists of some hundred texts stays below it. */
const FIELDS_MAX = 200_000;
/** Of them, those that the server does not know and a read ignores. */
const UNKNOWN_FIELDS_MAX = 1000;

interface Walk {
  readonly bytes: Buffer;
  readonly findings: Findings;
  /** Messages in which an unknown field is ignored. */
  readonly lenient: boolean;
  at: number;
  fields: number;
  unknownFields: number;
}

/**
 * @param lenient ignores unknown fields of the request itself, as reads do. What is inside of its messages is refused
 *   all the same: `consistency` with a demand that we do not know must not get an answer that does not meet it.
 * @throws ParamdError INVALID_FIELD for bytes that are no such message
 */
export function checkWire(bytes: Buffer, shape: Shape, lenient: boolean, findings: Findings): void {
  const walk: Walk = { bytes, findings, lenient, at: 0, fields: 0, unknownFields: 0 };
  walkMessage(walk, shape, bytes.length, '');
}

function walkMessage(walk: Walk, shape: Shape, end: number, path: string): void {
  let counts: Map<ShapeField, number> | undefined;
  while (walk.at < end) {
    if (++walk.fields > FIELDS_MAX) throw tooManyFields();
    const tag = readVarint32(walk, end);
    const field = shape.fields.get(tag >>> 3);
    if (tag >>> 3 === 0) throw malformed(shape, 'a field number is 0');
    if (field === undefined || field.wireType !== (tag & 7)) {
      foundUnknown(walk, tag >>> 3, path);
      skip(walk, tag & 7, end, shape);
      continue;
    }
    if (!field.repeated) {
      walkField(walk, shape, field, end, joined(path, field.name));
      continue;
    }
    counts ??= new Map();
    const index = counts.get(field) ?? 0;
    counts.set(field, index + 1);
    const bound = COUNTS_MAX[`${shape.typeName}.${field.name}`];
    if (bound !== undefined && index >= bound.maximum) {
      exceeded(walk.findings, bound.limit, bound.maximum, `at most ${bound.maximum} in ${joined(path, field.name)}`);
      skip(walk, tag & 7, end, shape);
    } else {
      walkField(walk, shape, field, end, `${joined(path, field.name)}[${index}]`);
    }
  }
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function walkField(walk: Walk, shape: Shape, field: ShapeField, end: number, path: string): void {
  if (field.wireType !== 2) {
    skip(walk, field.wireType, end, shape);
    return;
  }
  const length = readVarint32(walk, end);
  const fieldEnd = walk.at + length;
  if (fieldEnd > end) throw malformed(shape, 'a length passes the end');
  if (field.message !== undefined) walkMessage(walk, field.message, fieldEnd, path);
  else if (field.text && !isUtf8(walk.bytes.subarray(walk.at, fieldEnd))) {
    invalid(walk.findings, path, 'is no valid UTF-8');
  }
  walk.at = fieldEnd;
}

function foundUnknown(walk: Walk, fieldNumber: number, path: string): void {
  if (!walk.lenient || path !== '') {
    walk.findings.unknown ??= { reason: 'UNKNOWN_FIELD', fieldNumber, path };
  } else if (++walk.unknownFields > UNKNOWN_FIELDS_MAX) {
    exceeded(walk.findings, 'unknown_fields', UNKNOWN_FIELDS_MAX, 'this request has too many fields unknown here');
  }
}

function skip(walk: Walk, wireType: number, end: number, shape: Shape): void {
  if (wireType === 0) {
    for (let bytes = 1; ; bytes++) {
      if (walk.at >= end || bytes > 10) throw malformed(shape, 'a number does not end');
      if ((walk.bytes[walk.at++] ?? 0) < 0x80) return;
    }
  }
  if (wireType === 1) walk.at += 8;
  else if (wireType === 5) walk.at += 4;
  else if (wireType === 2) {
    const length = readVarint32(walk, end);
    walk.at += length;
  } else throw malformed(shape, `wire type ${wireType} is not in use`);
  if (walk.at > end) throw malformed(shape, 'a field passes the end');
}

function readVarint32(walk: Walk, end: number): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    if (walk.at >= end) break;
    const byte = walk.bytes[walk.at++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      if (value > 0xffffffff) break;
      return value;
    }
  }
  throw invalidField('', 'the bytes are no protobuf message: a number does not end');
}

function tooManyFields(): Error {
  const hint = 'send less in one call';
  return new ParamdError({ reason: 'LIMIT_EXCEEDED', limit: 'request_fields', maximum: FIELDS_MAX, hint });
}

function malformed(shape: Shape, why: string): Error {
  return invalidField('', `the bytes are no ${shape.typeName}: ${why}`);
}
