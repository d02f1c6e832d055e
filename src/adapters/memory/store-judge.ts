import type { Event } from '../../model/event.ts';
import type { Parameter } from '../../model/parameter.ts';
import { CACHE_TTL_DEFAULT_NS } from '../../model/parameter.ts';
import type { Revision } from '../../model/revision.ts';
import type { DeleteOperation, Outcome, Refusal, SetOperation, Write } from '../../model/write.ts';
import { COMMIT_BYTES_MAX, LABELS_MAX, mergedLabels } from '../../model/write.ts';

/** What a write is judged against, and what it gets if it is done. */
export interface Judgement {
  readonly stateOf: (key: string) => Parameter | undefined;
  /** The one it takes if it changes something. */
  readonly revision: Revision;
  readonly timeUs: bigint;
}

/** Checks one write against the state; the events are what it changes, none if it is refused or changes nothing. */
export function judgeWrite(write: Write, judgement: Judgement): { outcome: Outcome; events: Event[] } {
  const refused = (refusal: Refusal) => ({ outcome: { done: false, refusal } as const, events: [] });
  const revisionOf = (key: string) => judgement.stateOf(key)?.revision ?? 0n;

  const mismatches = write.conditions
    .map(({ key, ifRevision }) => ({ key, ifRevision, currentRevision: revisionOf(key) }))
    .filter(({ ifRevision, currentRevision }) => ifRevision !== currentRevision)
    .map(({ key, currentRevision }) => ({ key, currentRevision }));
  if (mismatches.length > 0) return refused({ reason: 'REVISION_MISMATCH', mismatches });

  const events: Event[] = [];
  const missing: string[] = [];
  for (const [index, operation] of write.operations.entries()) {
    const before = judgement.stateOf(operation.key);
    const labels = operation.type === 'set' ? mergedLabels(operation, before?.labels) : undefined;
    const refusal =
      operation.type === 'set'
        ? refusalOfSet(operation, before, index, labels!.size)
        : refusalOfDelete(operation, before, judgement.revision - 1n);
    if (refusal !== undefined) return refused(refusal);
    if (operation.type === 'set') events.push(put(operation, before, labels!, write.actor, judgement));
    else if (before === undefined) missing.push(operation.key);
    else events.push(removal(before, write.actor, judgement));
  }
  const bytes = events.reduce((sum, event) => sum + storedBytes(event.parameter) + storedBytes(event.previous), 0);
  if (bytes > COMMIT_BYTES_MAX) {
    return refused({ reason: 'LIMIT_EXCEEDED', limit: 'commit_bytes', maximum: COMMIT_BYTES_MAX });
  }
  return { outcome: outcomeOf(write, events, missing, judgement), events: write.validateOnly ? [] : events };
}

function outcomeOf(write: Write, events: readonly Event[], missing: readonly string[], judgement: Judgement): Outcome {
  const changed = events.length > 0 && !write.validateOnly;
  return {
    done: true,
    revision: write.validateOnly ? 0n : changed ? judgement.revision : judgement.revision - 1n,
    changed,
    replayed: false,
    updateTimeUs: judgement.timeUs,
    sets: events
      .filter(({ type }) => type === 'put')
      .map(({ parameter }) => ({
        key: parameter!.key,
        createRevision: write.validateOnly && parameter!.version === 1n ? 0n : parameter!.createRevision,
        version: parameter!.version,
        createTimeUs: parameter!.createTimeUs,
        cacheTtlNs: parameter!.cacheTtlNs,
        labels: parameter!.labels,
      })),
    missing,
  };
}

function refusalOfSet(
  operation: SetOperation,
  before: Parameter | undefined,
  index: number,
  labels: number,
): Refusal | undefined {
  const { key, ifRevision, value } = operation;
  if (ifRevision === 0n && before) return { reason: 'PARAMETER_EXISTS', key, currentRevision: before.revision };
  const mismatch = refusalOfCondition(key, ifRevision, before);
  if (mismatch) return mismatch;
  if (before === undefined && value === undefined) return { reason: 'VALUE_REQUIRED', key, operation: index };
  const kindBefore = before?.value?.kind;
  if (kindBefore !== undefined && value !== undefined && value.kind !== kindBefore && !operation.allowKindChange) {
    return { reason: 'KIND_MISMATCH', key, currentKind: kindBefore };
  }
  if (labels > LABELS_MAX) return { reason: 'LIMIT_EXCEEDED', limit: 'labels', maximum: LABELS_MAX };
  return undefined;
}

function refusalOfDelete(
  operation: DeleteOperation,
  before: Parameter | undefined,
  revision: Revision,
): Refusal | undefined {
  const { key, ifRevision, allowMissing } = operation;
  const mismatch = refusalOfCondition(key, ifRevision, before);
  if (mismatch) return mismatch;
  return before === undefined && !allowMissing ? { reason: 'PARAMETER_NOT_FOUND', key, revision } : undefined;
}

function refusalOfCondition(
  key: string,
  ifRevision: Revision | undefined,
  before: Parameter | undefined,
): Refusal | undefined {
  const currentRevision = before?.revision ?? 0n;
  if (ifRevision === undefined || ifRevision === currentRevision) return undefined;
  return { reason: 'REVISION_MISMATCH', mismatches: [{ key, currentRevision }] };
}

function put(
  operation: SetOperation,
  before: Parameter | undefined,
  labels: ReadonlyMap<string, string>,
  actor: string,
  { revision, timeUs }: Judgement,
): Event {
  const parameter: Parameter = {
    key: operation.key,
    value: operation.value ?? before?.value,
    revision,
    createRevision: before?.createRevision ?? revision,
    version: (before?.version ?? 0n) + 1n,
    createTimeUs: before?.createTimeUs ?? timeUs,
    updateTimeUs: timeUs,
    updatedBy: actor,
    labels,
    cacheTtlNs: operation.cacheTtlNs ?? before?.cacheTtlNs ?? CACHE_TTL_DEFAULT_NS,
  };
  return { type: 'put', key: operation.key, revision, parameter, previous: before ?? null };
}

function removal(before: Parameter, actor: string, { revision, timeUs }: Judgement): Event {
  const parameter: Parameter = {
    key: before.key,
    value: undefined,
    revision,
    createRevision: 0n,
    version: 0n,
    createTimeUs: 0n,
    updateTimeUs: timeUs,
    updatedBy: actor,
    labels: new Map(),
    cacheTtlNs: 0n,
  };
  return { type: 'delete', key: before.key, revision, parameter, previous: before };
}

/** The measure of every bound in bytes that the store keeps: a little more than on the wire. */
export function storedBytes(parameter: Parameter | null | undefined): number {
  if (!parameter) return 0;
  let bytes = 96 + Buffer.byteLength(parameter.key) + Buffer.byteLength(parameter.updatedBy);
  bytes += parameter.value?.encoded.length ?? 0;
  for (const [name, text] of parameter.labels) bytes += 8 + Buffer.byteLength(name) + Buffer.byteLength(text);
  return bytes;
}
