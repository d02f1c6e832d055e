import type { Duration } from '../../../gen/google/protobuf/duration.ts';
import {
  CommitRequest,
  DeleteParameterRequest,
  SetParameterRequest,
  type Condition as WireCondition,
  type Operation as WireOperation,
  type SetOperation as WireSetOperation,
} from '../../../gen/parameter/v1/parameter_service.ts';
import type { Condition, Operation, SetOperation, Write } from '../../model/write.ts';
import type { Caller } from '../caller.ts';
import { type Findings, invalid, settle } from '../findings.ts';
import { contentHash } from './content-hash.ts';
import { decodeRequest, requestType } from './decode-request.ts';
import { boundedNanoseconds, NANOS_PER_SECOND } from './durations.ts';
import { checkKey, checkLabelKey, checkLabels, checkRequestId } from './keys.ts';
import { storedValueOf } from './values.ts';

const CACHE_TTL = { leastNs: NANOS_PER_SECOND, mostNs: 30n * 86_400n * NANOS_PER_SECOND, text: '1 s to 30 days' };

const SET = requestType('parameter.v1.SetParameterRequest', SetParameterRequest, 'refused');
const DELETE = requestType('parameter.v1.DeleteParameterRequest', DeleteParameterRequest, 'refused');
const COMMIT = requestType('parameter.v1.CommitRequest', CommitRequest, 'refused');

export function setWriteOf(bytes: Buffer, caller: Caller): Write {
  const { message, findings } = decodeRequest(SET, bytes);
  const { ifRevision } = message;
  if (ifRevision !== undefined && ifRevision < 0n) invalid(findings, 'if_revision', 'is negative');
  const operation = { ...setOperationOf(findings, '', message), ifRevision };
  return writeOf(findings, 'set', [], [operation], message, caller);
}

export function deleteWriteOf(bytes: Buffer, caller: Caller): Write {
  const { message, findings } = decodeRequest(DELETE, bytes);
  const { key, ifRevision, allowMissing } = message;
  checkKey(findings, 'key', key);
  if (ifRevision !== undefined && ifRevision <= 0n) invalid(findings, 'if_revision', 'is not greater than 0');
  const operation: Operation = { type: 'delete', key, allowMissing, ifRevision };
  return writeOf(findings, 'delete', [], [operation], message, caller);
}

export function commitWriteOf(bytes: Buffer, caller: Caller): Write {
  const { message, findings } = decodeRequest(COMMIT, bytes);
  const conditions = message.conditions.map((condition, index) => conditionOf(findings, index, condition));
  const operations = message.operations.flatMap((operation, index) => operationOf(findings, index, operation));
  if (message.operations.length === 0) invalid(findings, 'operations', 'is empty, a commit has 1 to 300');
  checkDistinct(findings, message.operations);
  return writeOf(findings, 'commit', conditions, operations, message, caller);
}

function writeOf(
  findings: Findings,
  method: 'set' | 'delete' | 'commit',
  conditions: readonly Condition[],
  operations: readonly Operation[],
  { requestId, validateOnly }: { requestId: string; validateOnly: boolean },
  caller: Caller,
): Write {
  checkRequestId(findings, requestId);
  settle(findings);
  const write = { conditions, operations, requestId, validateOnly, ...caller };
  return { ...write, contentHash: contentHash(method, write) };
}

function conditionOf(findings: Findings, index: number, condition: WireCondition): Condition {
  const path = `conditions[${index}]`;
  checkKey(findings, `${path}.key`, condition.key);
  if (condition.ifRevision === undefined) invalid(findings, `${path}.if_revision`, 'is required (0: does not exist)');
  else if (condition.ifRevision < 0n) invalid(findings, `${path}.if_revision`, 'is negative');
  return { key: condition.key, ifRevision: condition.ifRevision ?? 0n };
}

function operationOf(findings: Findings, index: number, { operation }: WireOperation): Operation[] {
  const path = `operations[${index}]`;
  switch (operation?.$case) {
    case 'set':
      return [setOperationOf(findings, `${path}.set.`, operation.value)];
    case 'delete':
      checkKey(findings, `${path}.delete.key`, operation.value.key);
      return [{ type: 'delete', key: operation.value.key, allowMissing: operation.value.allowMissing }];
    default:
      invalid(findings, path, 'is neither set nor delete');
      return [];
  }
}

/** @param path '' or one that ends in a dot */
function setOperationOf(findings: Findings, path: string, set: Omit<WireSetOperation, '_unknownFields'>): SetOperation {
  const { key, labels, removeLabels, allowKindChange } = set;
  checkKey(findings, `${path}key`, key);
  checkLabels(findings, `${path}labels`, labels);
  removeLabels.forEach((name, index) => {
    checkLabelKey(findings, `${path}remove_labels[${index}]`, name);
  });
  if (!set.value && !set.cacheTtl && labels.size === 0 && removeLabels.length === 0) {
    invalid(findings, `${path}value`, 'one of value, cache_ttl, labels and remove_labels must be set');
  }
  const value = set.value && storedValueOf(findings, `${path}value`, set.value);
  const cacheTtlNs = set.cacheTtl && cacheTtlOf(findings, `${path}cache_ttl`, set.cacheTtl);
  return { type: 'set', key, path, value, cacheTtlNs, labels, removeLabels, allowKindChange };
}

function cacheTtlOf(findings: Findings, field: string, cacheTtl: Duration): bigint | undefined {
  return boundedNanoseconds(findings, field, cacheTtl, CACHE_TTL);
}

/** No key twice: of two operations on one key, which one holds would be a matter of taste. */
function checkDistinct(findings: Findings, operations: readonly WireOperation[]): void {
  const seen = new Set<string>();
  operations.forEach(({ operation }, index) => {
    if (operation === undefined) return;
    const { key } = operation.value;
    if (seen.has(key)) invalid(findings, `operations[${index}].${operation.$case}.key`, 'is in an operation before');
    seen.add(key);
  });
}
