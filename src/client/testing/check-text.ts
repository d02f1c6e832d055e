import type { Findings } from './findings.ts';

const KEY_BYTES_MAX = 512;
const LABEL_KEY_BYTES_MAX = 63;
const LABEL_VALUE_BYTES_MAX = 256;
const JSON_LEVELS_MAX = 64;
const CONTROL = /\p{Cc}/u;

export function checkKey(findings: Findings, field: string, key: string): void {
  if (key === '') findings.invalid(field, 'is empty, a key has 1 to 512 bytes');
  else checkPrefix(findings, field, key);
}

export function checkPrefix(findings: Findings, field: string, prefix: string): void {
  const bytes = Buffer.byteLength(prefix);
  if (bytes > KEY_BYTES_MAX) findings.invalid(field, `has ${bytes} bytes, at most ${KEY_BYTES_MAX} are allowed`);
  else if (CONTROL.test(prefix)) findings.invalid(field, 'contains a control character');
  else if (prefix.includes('\ufffd')) findings.invalid(field, 'contains U+FFFD');
  else if (prefix.normalize('NFC') !== prefix) findings.invalid(field, 'is not in Unicode normalization form NFC');
}

export function checkLabelKey(findings: Findings, field: string, name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0) findings.invalid(field, 'has an empty key, a label key has 1 to 63 bytes');
  else if (bytes > LABEL_KEY_BYTES_MAX) {
    findings.invalid(field, `has a key of ${bytes} bytes, at most ${LABEL_KEY_BYTES_MAX} are allowed`);
  } else if (CONTROL.test(name)) findings.invalid(field, 'has a key with a control character');
}

export function checkLabels(findings: Findings, field: string, labels: ReadonlyMap<string, string>): void {
  for (const [name, text] of labels) {
    checkLabelKey(findings, field, name);
    const bytes = Buffer.byteLength(text);
    if (bytes > LABEL_VALUE_BYTES_MAX) {
      findings.invalid(field, `has a value of ${bytes} bytes, at most ${LABEL_VALUE_BYTES_MAX} are allowed`);
    } else if (CONTROL.test(text)) findings.invalid(field, 'has a value with a control character');
  }
}

export function checkRequestId(findings: Findings, requestId: string): void {
  if (!/^[\x20-\x7e]{0,64}$/.test(requestId)) {
    findings.invalid('request_id', 'is not at most 64 printable ASCII characters');
  }
}

/** What is wrong with it as one JSON text; undefined: nothing. */
export function jsonFault(text: string): string | undefined {
  if (jsonLevels(text) > JSON_LEVELS_MAX) return `is nested deeper than ${JSON_LEVELS_MAX} levels`;
  try {
    JSON.parse(text);
    return undefined;
  } catch {
    return 'is no JSON text (RFC 8259)';
  }
}

/** Deepest nesting of brackets outside of strings. */
function jsonLevels(text: string): number {
  let [level, deepest, inString] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"') inString = !inString;
    else if (inString) at += character === '\\' ? 1 : 0;
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++level);
    else if (character === ']' || character === '}') level--;
  }
  return deepest;
}
