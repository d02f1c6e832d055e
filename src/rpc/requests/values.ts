import { Value as WireValue } from '../../../gen/parameter/v1/parameter.ts';
import type { Value, ValueKind } from '../../model/parameter.ts';
import { exceeded, type Findings, invalid } from '../findings.ts';
import { varintBytes } from '../protobuf-bytes.ts';
import { nanosecondsOf } from './durations.ts';
import { jsonFault } from './json-text.ts';

export const VALUE_BYTES_MAX = 1 << 20;

type WireKind = NonNullable<WireValue['kind']>;

const KINDS: Readonly<Record<WireKind['$case'], ValueKind>> = {
  stringValue: 'string_value',
  intValue: 'int_value',
  doubleValue: 'double_value',
  boolValue: 'bool_value',
  bytesValue: 'bytes_value',
  jsonValue: 'json_value',
  durationValue: 'duration_value',
  stringListValue: 'string_list_value',
};

/** The value as it is stored; undefined: it is none, and why is among the findings. */
export function storedValueOf(findings: Findings, field: string, value: WireValue): Value | undefined {
  if (value.kind === undefined) {
    invalid(findings, field, 'has no kind, exactly one must be set');
    return undefined;
  }
  const kind = KINDS[value.kind.$case];
  const encoded = WireValue.encode(value).finish();
  if (contentBytes(encoded) > VALUE_BYTES_MAX) {
    exceeded(findings, 'value_bytes', VALUE_BYTES_MAX, `${field} is larger than 1 MiB`);
    return undefined;
  }
  checkContent(findings, `${field}.${kind}`, value.kind);
  return { kind, encoded };
}

/** Without the tag, and the length that texts, bytes and lists have before them. */
function contentBytes(encoded: Uint8Array): number {
  const rest = encoded.length - 1;
  return rest - varintBytes(Math.max(0, rest - varintBytes(rest)));
}

function checkContent(findings: Findings, field: string, kind: WireKind): void {
  if (kind.$case === 'doubleValue' && !Number.isFinite(kind.value)) {
    invalid(findings, field, 'is not finite');
  } else if (kind.$case === 'jsonValue') {
    const fault = jsonFault(kind.value);
    if (fault !== undefined) invalid(findings, field, fault);
  } else if (kind.$case === 'durationValue') {
    nanosecondsOf(findings, field, kind.value);
  }
}
