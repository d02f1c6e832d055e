import type { Value } from '../../gen/parameter/v1/parameter.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { type Kind, toValue } from './values.ts';

/**
 * A value as text that parseValue takes back to the same value: integers in full, durations as "1.500s", bytes in
 * base64, lists as a JSON array of strings, JSON byte for byte.
 * @throws TypeError if the value has no kind, because it is newer than this client
 */
export function formatValue(value: Value | undefined): string {
  const kind = value?.kind;
  switch (kind?.$case) {
    case 'stringValue':
    case 'jsonValue':
      return kind.value;
    case 'intValue':
    case 'boolValue':
      return String(kind.value);
    case 'doubleValue':
      return Object.is(kind.value, -0) ? '-0' : String(kind.value);
    case 'bytesValue':
      return kind.value.toString('base64');
    case 'durationValue':
      return formatDuration(kind.value);
    case 'stringListValue':
      return JSON.stringify(kind.value.values);
    case undefined:
      throw new TypeError('no value, or one of a kind that this client does not know');
  }
}

/** @throws SyntaxError or RangeError that says what the kind looks like */
export function parseValue(kind: Kind, text: string): Value {
  switch (kind) {
    case 'string':
      return toValue(text);
    case 'int':
      return toValue(parseInteger(text));
    case 'double':
      return toValue(parseDouble(text));
    case 'bool':
      if (text === 'true' || text === 'false') return toValue(text === 'true');
      throw new SyntaxError(`"${shortened(text)}" is no bool: true or false`);
    case 'bytes':
      return toValue(parseBase64(text));
    case 'json':
      return toValue({ json: checkedJson(text) });
    case 'duration':
      return toValue({ durationNs: parseDuration(text) });
    case 'list':
      return toValue(parseList(text));
  }
}

/**
 * The kind that a text without any other hint is taken for: integers in canonical form that fit into 64 bits ("007" and
 * "-0" would not come back as written), true and false; all else is a string.
 */
export function guessKind(text: string): Kind {
  if (text === 'true' || text === 'false') return 'bool';
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return 'string';
  return BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? 'int' : 'string';
}

function parseInteger(text: string): bigint {
  if (!/^[+-]?\d{1,30}$/.test(text)) throw new SyntaxError(`"${shortened(text)}" is no integer`);
  return BigInt(text.replace('+', ''));
}

function parseDouble(text: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw new SyntaxError(`"${shortened(text)}" is no number`);
  return Number(text);
}

function parseBase64(text: string): Uint8Array {
  const compact = text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  const bytes = Buffer.from(compact, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== compact) throw new SyntaxError('bytes are written in base64');
  return bytes;
}

function checkedJson(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    throw new SyntaxError(`"${shortened(text)}" is no JSON`);
  }
  return text;
}

function parseList(text: string): readonly string[] {
  const list: unknown = (() => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  })();
  if (Array.isArray(list) && list.every((item): item is string => typeof item === 'string')) return list;
  throw new SyntaxError(`"${shortened(text)}" is no list: a JSON array of strings, ["a","b"]`);
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
