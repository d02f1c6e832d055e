import type { Duration } from '../../../gen/google/protobuf/duration.ts';
import { Parameter, Value } from '../../../gen/parameter/v1/parameter.ts';
import { EXIT, Failure } from '../failure.ts';
import { fromProtoJson } from '../proto-json.ts';
import { visible } from '../visible.ts';
import type { Line } from './lines.ts';

/** What is imported of a parameter; what else an export tells is the server's. */
export interface ParameterLine {
  readonly number: number;
  readonly endByte: number;
  readonly bytes: number;
  readonly key: string;
  readonly value: Value;
  readonly labels: ReadonlyMap<string, string>;
  /** Undefined: as it is, and for a new one the server's default. */
  readonly cacheTtl: Duration | undefined;
}

const KEY_BYTES_MAX = 512;
const VALUE_BYTES_MAX = 1 << 20;
/** Tag and length before the content. */
const VALUE_OVERHEAD_BYTES_MAX = 8;
const LABELS_MAX = 64;
const LABEL_NAME_BYTES_MAX = 63;
const LABEL_TEXT_BYTES_MAX = 256;
const LIST_LENGTH_MAX = 10_000;
const TTL_S_MIN = 1n;
const TTL_S_MAX = 30n * 86_400n;
const CONTROL = /\p{Cc}/u;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Checks all that can be known without a server, so that a bad line is found before anything is written; the server has
 * the last word.
 * @throws Failure that names the line
 */
export function parameterOf({ number, bytes, endByte }: Line): ParameterLine {
  const { key, value, labels, cacheTtl } = parsed(number, bytes);
  const fault = keyFault(key) ?? valueFault(value, bytes.length) ?? labelsFault(labels) ?? ttlFault(cacheTtl);
  if (fault !== undefined || value === undefined) throw badLine(number, fault ?? 'has no value', key);
  return { number, endByte, bytes: bytes.length, key, value, labels, cacheTtl };
}

export function badLine(number: number, fault: string, key = ''): Failure {
  return new Failure(EXIT.error, `line ${number}${key === '' ? '' : ` (${visible(key)})`}: ${fault}`);
}

function parsed(number: number, bytes: Buffer): Parameter {
  try {
    return fromProtoJson('Parameter', Parameter, UTF8.decode(bytes));
  } catch (error) {
    const what = error instanceof TypeError ? 'is not UTF-8' : (error as Error).message;
    throw badLine(number, what);
  }
}

function keyFault(key: string): string | undefined {
  if (key === '') return 'has no key';
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) return `the key is longer than ${KEY_BYTES_MAX} bytes`;
  if (CONTROL.test(key) || key.includes('\ufffd')) return 'the key has a control character, or U+FFFD';
  return key.normalize('NFC') === key ? undefined : 'the key is not in Unicode normalization form NFC';
}

/** In JSON no value is shorter than encoded. */
function valueFault(value: Value | undefined, lineBytes: number): string | undefined {
  if (value === undefined) return 'has no value; an import needs values, so export without leaving them out';
  const { kind } = value;
  if (kind === undefined) return 'the value has no kind; exactly one such as stringValue must be there';
  if (lineBytes > VALUE_BYTES_MAX && Value.encode(value).finish().length > VALUE_BYTES_MAX + VALUE_OVERHEAD_BYTES_MAX) {
    return 'the value is larger than 1 MiB';
  }
  if (kind.$case === 'doubleValue' && !Number.isFinite(kind.value)) return 'the value is not finite';
  if (kind.$case === 'jsonValue' && !isJson(kind.value)) return 'the value is no JSON text';
  if (kind.$case === 'stringListValue' && kind.value.values.length > LIST_LENGTH_MAX) {
    return `the list has more than ${LIST_LENGTH_MAX} texts`;
  }
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function labelsFault(labels: ReadonlyMap<string, string>): string | undefined {
  if (labels.size > LABELS_MAX) return `has more than ${LABELS_MAX} labels`;
  for (const [name, text] of labels) {
    if (name === '' || Buffer.byteLength(name) > LABEL_NAME_BYTES_MAX || CONTROL.test(name)) {
      return `the label "${visible(name)}" is none: 1 to ${LABEL_NAME_BYTES_MAX} bytes without control characters`;
    }
    if (Buffer.byteLength(text) > LABEL_TEXT_BYTES_MAX || CONTROL.test(text)) {
      return `the text of label ${visible(name)} is none: at most ${LABEL_TEXT_BYTES_MAX} bytes without control characters`;
    }
  }
  return undefined;
}

function ttlFault(ttl: Duration | undefined): string | undefined {
  if (ttl === undefined) return undefined;
  const { seconds, nanos } = ttl;
  const fits = seconds >= TTL_S_MIN && (seconds < TTL_S_MAX || (seconds === TTL_S_MAX && nanos === 0));
  return fits ? undefined : 'cacheTtl is not within 1 s to 30 days';
}
