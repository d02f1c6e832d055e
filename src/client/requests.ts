import { randomUUID } from 'node:crypto';
import type { Duration } from '../../gen/google/protobuf/duration.ts';
import type { ReadConsistency } from '../../gen/parameter/v1/freshness.ts';
import type { Value } from '../../gen/parameter/v1/parameter.ts';
import type {
  CommitRequest,
  DeleteParameterRequest,
  Operation,
  SetOperation,
  SetParameterRequest,
} from '../../gen/parameter/v1/parameter_service.ts';
import { keyOf, msOf, revisionOf } from './argument-checks.ts';
import type { CallSettings } from './call.ts';
import { durationOfMs } from './duration.ts';
import { type NativeValue, toValue } from './values.ts';

/** How fresh an answer must be; all that is set holds together. By default: at most 500 ms old, or flagged degraded. */
export interface ReadSettings extends CallSettings {
  readonly maxStalenessMs?: number | undefined;
  readonly atLeastRevision?: bigint | undefined;
  readonly linearizable?: boolean | undefined;
}

export interface WriteSettings extends CallSettings {
  /** By default a new UUID, so that every write can be retried. Give your own to repeat a call of an earlier process. */
  readonly requestId?: string | undefined;
  readonly validateOnly?: boolean | undefined;
}

export type Labels = ReadonlyMap<string, string> | Readonly<Record<string, string>>;

/** What a set changes beside the value. What is not given stays as it is. */
export interface SetContents {
  readonly cacheTtlMs?: number | undefined;
  /** Added or replaced one by one: `{ team: 'checkout' }`. */
  readonly labels?: Labels | undefined;
  /** Removed before; '*' removes all. */
  readonly removeLabels?: readonly string[] | undefined;
  readonly allowKindChange?: boolean | undefined;
}

export interface SetSettings extends WriteSettings, SetContents {
  /** Only at this revision; 0n: only if it does not exist. */
  readonly ifRevision?: bigint | undefined;
}

export interface DeleteSettings extends WriteSettings {
  readonly ifRevision?: bigint | undefined;
  readonly allowMissing?: boolean | undefined;
}

export type CommitOperation =
  | ({ readonly set: string; readonly value?: NativeValue | Value | undefined } & SetContents)
  | { readonly delete: string; readonly allowMissing?: boolean | undefined };

export interface CommitSettings extends WriteSettings {
  /** Revision 0n: the key does not exist. */
  readonly conditions?: readonly { readonly key: string; readonly ifRevision: bigint }[] | undefined;
}

/** What every read has. */
export interface Consistent {
  consistency: ReadConsistency | undefined;
}

export function consistencyOf(settings: ReadSettings): ReadConsistency | undefined {
  const { maxStalenessMs, atLeastRevision = 0n, linearizable = false } = settings;
  if (maxStalenessMs === undefined && atLeastRevision === 0n && !linearizable) return undefined;
  return {
    maxStaleness: durationOf('maxStalenessMs', maxStalenessMs),
    atLeastRevision: revisionOf('atLeastRevision', atLeastRevision),
    linearizable,
  };
}

export function setRequest(
  key: string,
  value: NativeValue | Value | undefined,
  settings: SetSettings,
): SetParameterRequest {
  return {
    ...setOperation(key, value, settings),
    ifRevision: revisionOf('ifRevision', settings.ifRevision),
    ...writeFields(settings),
  };
}

export function deleteRequest(key: string, settings: DeleteSettings): DeleteParameterRequest {
  const { ifRevision, allowMissing = false } = settings;
  return { key: keyOf(key), ifRevision: revisionOf('ifRevision', ifRevision), allowMissing, ...writeFields(settings) };
}

export function commitRequest(operations: readonly CommitOperation[], settings: CommitSettings): CommitRequest {
  return {
    conditions: (settings.conditions ?? []).map(({ key, ifRevision }) => ({
      key: keyOf(key),
      ifRevision: revisionOf('ifRevision', ifRevision),
    })),
    operations: operations.map(operationOf),
    ...writeFields(settings),
  };
}

function operationOf(operation: CommitOperation): Operation {
  if ('set' in operation) {
    return { operation: { $case: 'set', value: setOperation(operation.set, operation.value, operation) } };
  }
  if (!('delete' in operation)) throw new TypeError('an operation is { set: key, value, … } or { delete: key, … }');
  const { delete: key, allowMissing = false } = operation;
  return { operation: { $case: 'delete', value: { key: keyOf(key), allowMissing } } };
}

function setOperation(key: string, value: NativeValue | Value | undefined, contents: SetContents): SetOperation {
  return {
    key: keyOf(key),
    value: value === undefined ? undefined : toValue(value),
    cacheTtl: durationOf('cacheTtlMs', contents.cacheTtlMs),
    labels: mapOf(contents.labels ?? {}),
    removeLabels: [...(contents.removeLabels ?? [])],
    allowKindChange: contents.allowKindChange ?? false,
  };
}

function durationOf(name: string, ms: number | undefined): Duration | undefined {
  return ms === undefined ? undefined : durationOfMs(msOf(name, ms));
}

function mapOf(labels: Labels): Map<string, string> {
  return new Map(Symbol.iterator in labels ? (labels as ReadonlyMap<string, string>) : Object.entries(labels));
}

/** Also '' becomes one that has an id: without, a retry might do it twice. */
function writeFields({ requestId, validateOnly = false }: WriteSettings) {
  return { requestId: requestId || randomUUID(), validateOnly };
}
