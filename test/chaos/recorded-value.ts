import type { Value } from '../../gen/parameter/v1/parameter.ts';
import type { WrittenOperation } from '../history/history.ts';

/** Keys that faults write by themselves, past the recorder. */
export const FAULT_PREFIX = 'fault:';

/**
 * As histories have it: the text, which no two writes share. Faults count, each in keys of its own: unique together with
 * the key.
 */
export function recordedValue(key: string, value: Value | undefined): string {
  const kind = value?.kind;
  if (kind === undefined) return '';
  if (kind.$case === 'stringValue') return recordedText(key, kind.value);
  return `${key} ${kind.$case} ${String(kind.value)}`;
}

export function recordedText(key: string, text: string): string {
  return key.startsWith(FAULT_PREFIX) ? `${key} ${text}` : text;
}

export function recordedOperation(written: WrittenOperation): WrittenOperation {
  return written.type === 'set' ? { ...written, value: recordedText(written.key, written.value) } : written;
}
