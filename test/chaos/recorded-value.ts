import type { Value } from '../../gen/parameter/v1/parameter.ts';

/** As histories have it. Other kinds than texts are written only by faults, which count up: unique with their key. */
export function recordedValue(key: string, value: Value | undefined): string {
  const kind = value?.kind;
  if (kind === undefined) return '';
  return kind.$case === 'stringValue' ? kind.value : `${key} ${kind.$case} ${String(kind.value)}`;
}
