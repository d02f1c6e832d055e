import { StringList, type Value } from '../../../gen/parameter/v1/parameter.ts';
import type {
  CommitRequest,
  Condition,
  DeleteParameterRequest,
  Operation,
  SetOperation,
  SetParameterRequest,
} from '../../../gen/parameter/v1/parameter_service.ts';
import { apiNameOf, kindOf } from '../values.ts';
import { checkBounded, checkDuration } from './check-request.ts';
import { checkKey, checkLabelKey, checkLabels, checkRequestId, jsonFault } from './check-text.ts';
import { Findings } from './findings.ts';

// What the servers refuse of a write before they look anything up: first what is too many, as they count while they
// decode, then all that is malformed.

const VALUE_BYTES_MAX = 1 << 20;
const LIST_VALUES_MAX = 10_000;
const LABELS_MAX = 64;
const OPERATIONS_MAX = 300;
const DAY_NS = 86_400_000_000_000n;
const CACHE_TTL = { leastNs: 1_000_000_000n, mostNs: 30n * DAY_NS, text: '1 s to 30 days' };

export function checkSet(request: SetParameterRequest): void {
  const findings = new Findings();
  countSet(findings, '', request);
  findings.settle();
  if (request.ifRevision !== undefined && request.ifRevision < 0n) findings.invalid('if_revision', 'is negative');
  checkSetOperation(findings, '', request);
  checkRequestId(findings, request.requestId);
  findings.settle();
}

export function checkDelete({ key, ifRevision, requestId }: DeleteParameterRequest): void {
  const findings = new Findings();
  checkKey(findings, 'key', key);
  if (ifRevision !== undefined && ifRevision <= 0n) findings.invalid('if_revision', 'is not greater than 0');
  checkRequestId(findings, requestId);
  findings.settle();
}

export function checkCommit({ conditions, operations, requestId }: CommitRequest): void {
  const findings = new Findings();
  count(findings, 'conditions', conditions.length, OPERATIONS_MAX, 'conditions');
  for (const [index, { operation }] of operations.slice(0, OPERATIONS_MAX).entries()) {
    if (operation?.$case === 'set') countSet(findings, `operations[${index}].set.`, operation.value);
  }
  count(findings, 'operations', operations.length, OPERATIONS_MAX, 'operations');
  findings.settle();
  for (const [index, condition] of conditions.entries()) checkCondition(findings, `conditions[${index}]`, condition);
  for (const [index, operation] of operations.entries()) checkOperation(findings, `operations[${index}]`, operation);
  if (operations.length === 0) findings.invalid('operations', 'is empty, a commit has 1 to 300');
  checkDistinct(findings, operations);
  checkRequestId(findings, requestId);
  findings.settle();
}

function countSet(findings: Findings, path: string, { value, labels, removeLabels }: SetOperation): void {
  if (value?.kind?.$case === 'stringListValue') {
    const { values } = value.kind.value;
    count(findings, 'string_list_values', values.length, LIST_VALUES_MAX, `${path}value.string_list_value.values`);
  }
  count(findings, 'labels', labels.size, LABELS_MAX, `${path}labels`);
  count(findings, 'remove_labels', removeLabels.length, LABELS_MAX, `${path}remove_labels`);
}

function count(findings: Findings, limit: string, length: number, maximum: number, field: string): void {
  if (length > maximum) findings.exceeded(limit, maximum, `at most ${maximum} in ${field}`);
}

function checkCondition(findings: Findings, path: string, { key, ifRevision }: Condition): void {
  checkKey(findings, `${path}.key`, key);
  if (ifRevision === undefined) findings.invalid(`${path}.if_revision`, 'is required (0: does not exist)');
  else if (ifRevision < 0n) findings.invalid(`${path}.if_revision`, 'is negative');
}

function checkOperation(findings: Findings, path: string, { operation }: Operation): void {
  if (operation === undefined) findings.invalid(path, 'is neither set nor delete');
  else if (operation.$case === 'set') checkSetOperation(findings, `${path}.set.`, operation.value);
  else checkKey(findings, `${path}.delete.key`, operation.value.key);
}

/** @param path '' or one that ends in a dot */
function checkSetOperation(findings: Findings, path: string, set: SetOperation): void {
  const { key, value, cacheTtl, labels, removeLabels } = set;
  checkKey(findings, `${path}key`, key);
  checkLabels(findings, `${path}labels`, labels);
  for (const [index, name] of removeLabels.entries()) {
    checkLabelKey(findings, `${path}remove_labels[${index}]`, name);
  }
  if (!value && !cacheTtl && labels.size === 0 && removeLabels.length === 0) {
    findings.invalid(`${path}value`, 'one of value, cache_ttl, labels and remove_labels must be set');
  }
  if (value) checkValue(findings, `${path}value`, value);
  if (cacheTtl) checkBounded(findings, `${path}cache_ttl`, cacheTtl, CACHE_TTL);
}

function checkValue(findings: Findings, field: string, value: Value): void {
  const { kind } = value;
  if (kind === undefined) findings.invalid(field, 'has no kind, exactly one must be set');
  else if (contentBytes(kind) <= VALUE_BYTES_MAX) checkContent(findings, field, kind);
  else findings.exceeded('value_bytes', VALUE_BYTES_MAX, `${field} is larger than 1 MiB`);
}

type OneKind = NonNullable<Value['kind']>;

function checkContent(findings: Findings, field: string, kind: OneKind): void {
  const content = `${field}.${apiNameOf(kindOf({ kind }))}`;
  if (kind.$case === 'doubleValue' && !Number.isFinite(kind.value)) findings.invalid(content, 'is not finite');
  if (kind.$case === 'durationValue') checkDuration(findings, content, kind.value);
  const fault = kind.$case === 'jsonValue' ? jsonFault(kind.value) : undefined;
  if (fault !== undefined) findings.invalid(content, fault);
}

function contentBytes(kind: OneKind): number {
  switch (kind.$case) {
    case 'stringValue':
    case 'jsonValue':
      return Buffer.byteLength(kind.value);
    case 'bytesValue':
      return kind.value.length;
    case 'stringListValue':
      return StringList.encode(kind.value).finish().length;
    default:
      return 0;
  }
}

/** No key twice: of two operations on one key, which one holds would be a matter of taste. */
function checkDistinct(findings: Findings, operations: readonly Operation[]): void {
  const seen = new Set<string>();
  for (const [index, { operation }] of operations.entries()) {
    if (operation === undefined) continue;
    const { key } = operation.value;
    if (seen.has(key)) findings.invalid(`operations[${index}].${operation.$case}.key`, 'is in an operation before');
    seen.add(key);
  }
}
