import { type Findings, invalid } from '../findings.ts';

export const KEY_BYTES_MAX = 512;
const LABEL_KEY_BYTES_MAX = 63;
const LABEL_VALUE_BYTES_MAX = 256;
const REQUEST_ID_CHARACTERS_MAX = 64;

const CONTROL = /\p{Cc}/u;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** U+FFFD is what decoders make of invalid UTF-8: a key with it would be another key than was meant. */
const REPLACEMENT = '\ufffd';

export function checkKey(findings: Findings, field: string, key: string): void {
  if (key === '') invalid(findings, field, 'is empty, a key has 1 to 512 bytes');
  else checkPrefix(findings, field, key);
}

/** A prefix may be empty; else it is the beginning of a key. */
export function checkPrefix(findings: Findings, field: string, prefix: string): void {
  const fault = keyFault(prefix);
  if (fault !== undefined) invalid(findings, field, fault);
}

function keyFault(text: string): string | undefined {
  if (isPlain(text)) return text.length <= KEY_BYTES_MAX ? undefined : tooLong(text.length);
  const bytes = Buffer.byteLength(text);
  if (bytes > KEY_BYTES_MAX) return tooLong(bytes);
  if (CONTROL.test(text)) return 'contains a control character';
  if (text.includes(REPLACEMENT)) return 'contains U+FFFD';
  if (text.normalize('NFC') !== text) return 'is not in Unicode normalization form NFC';
  return undefined;
}

function tooLong(bytes: number): string {
  return `has ${bytes} bytes, at most ${KEY_BYTES_MAX} are allowed`;
}

/** Printable ASCII, as nearly every key is. */
function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

export function checkLabelKey(findings: Findings, field: string, name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0) invalid(findings, field, 'has an empty key, a label key has 1 to 63 bytes');
  else if (bytes > LABEL_KEY_BYTES_MAX) {
    invalid(findings, field, `has a key of ${bytes} bytes, at most ${LABEL_KEY_BYTES_MAX} are allowed`);
  } else if (CONTROL.test(name)) invalid(findings, field, 'has a key with a control character');
}

export function checkLabels(findings: Findings, field: string, labels: ReadonlyMap<string, string>): void {
  for (const [name, text] of labels) {
    checkLabelKey(findings, field, name);
    const bytes = Buffer.byteLength(text);
    if (bytes > LABEL_VALUE_BYTES_MAX) {
      invalid(findings, field, `has a value of ${bytes} bytes, at most ${LABEL_VALUE_BYTES_MAX} are allowed`);
    } else if (CONTROL.test(text)) invalid(findings, field, 'has a value with a control character');
  }
}

export function checkRequestId(findings: Findings, requestId: string): void {
  if (requestId === '') return;
  if (requestId.length > REQUEST_ID_CHARACTERS_MAX || !PRINTABLE_ASCII.test(requestId)) {
    invalid(findings, 'request_id', 'is not at most 64 printable ASCII characters');
  }
}
