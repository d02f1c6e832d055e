import { PreconditionFailure } from '../../../gen/google/rpc/error_details.ts';
import { Freshness, Tier } from '../../../gen/parameter/v1/freshness.ts';
import { type Event, Event_Type, Parameter, Value } from '../../../gen/parameter/v1/parameter.ts';
import type { DeleteOperation, SetOperation } from '../../../gen/parameter/v1/parameter_service.ts';
import type { ParamdRpcError } from '../rpc-error.ts';
import { apiNameOf, kindOf } from '../values.ts';
import { failure } from './failure.ts';
import { Findings, limitExceeded } from './findings.ts';
import type { History } from './history.ts';

const LABELS_MAX = 64;
const COMMIT_BYTES_MAX = 3 << 20;
const CACHE_TTL_DEFAULT = { seconds: 3600n, nanos: 0 };

export type JudgedOperation =
  /** `path` is where it stands in the request: '' or one that ends in a dot. */
  | { readonly set: SetOperation; readonly path: string; readonly ifRevision?: bigint | undefined }
  | { readonly delete: DeleteOperation; readonly ifRevision?: bigint | undefined };

export interface Judged {
  readonly conditions: readonly { readonly key: string; readonly ifRevision?: bigint | undefined }[];
  readonly operations: readonly JudgedOperation[];
}

export interface Author {
  readonly actor: string;
  readonly time: Parameter['updateTime'];
}

/** The events of one write, were it the next revision; none if there is nothing to delete. @throws ParamdRpcError */
export function judgeWrite({ conditions, operations }: Judged, history: History, author: Author): Event[] {
  const mismatches = conditions.flatMap(({ key, ifRevision }) => {
    const currentRevision = history.find(key)?.revision ?? 0n;
    return currentRevision === ifRevision ? [] : [{ key, currentRevision }];
  });
  if (mismatches.length > 0) throw revisionMismatch(mismatches);
  const events = operations.flatMap((operation) =>
    'set' in operation ? [put(operation, history, author)] : removal(operation, history, author),
  );
  const bytes = events.reduce(
    (sum, { parameter, previous }) => sum + storedBytes(parameter) + storedBytes(previous),
    0,
  );
  if (bytes > COMMIT_BYTES_MAX) throw limitExceeded({ limit: 'commit_bytes', maximum: COMMIT_BYTES_MAX });
  return events;
}

type Put = Extract<JudgedOperation, { set: SetOperation }>;
type Removal = Extract<JudgedOperation, { delete: DeleteOperation }>;

function put({ set, path, ifRevision }: Put, history: History, { actor, time }: Author): Event {
  const before = history.find(set.key);
  if (ifRevision === 0n && before) throw parameterExists(before);
  checkRevision(set.key, ifRevision, before);
  checkValueFits(set, path, before);
  const labels = mergedLabels(set, before);
  if (labels.size > LABELS_MAX) throw limitExceeded({ limit: 'labels', maximum: LABELS_MAX });
  const revision = history.head + 1n;
  const parameter = Parameter.create({
    ...before,
    key: set.key,
    value: set.value ?? before?.value,
    revision,
    createRevision: before?.createRevision ?? revision,
    version: (before?.version ?? 0n) + 1n,
    createTime: before?.createTime ?? time,
    updateTime: time,
    updatedBy: actor,
    cacheTtl: set.cacheTtl ?? before?.cacheTtl ?? CACHE_TTL_DEFAULT,
  });
  parameter.labels = labels;
  return { type: Event_Type.TYPE_PUT, parameter, previous: before, revision };
}

function removal({ delete: { key, allowMissing }, ifRevision }: Removal, history: History, author: Author): Event[] {
  const previous = history.find(key);
  checkRevision(key, ifRevision, previous);
  if (previous === undefined && !allowMissing) throw notFound(key, history.head);
  if (previous === undefined) return [];
  const revision = history.head + 1n;
  const parameter = Parameter.create({ key, revision, updateTime: author.time, updatedBy: author.actor });
  return [{ type: Event_Type.TYPE_DELETE, parameter, previous, revision }];
}

function checkRevision(key: string, ifRevision: bigint | undefined, before: Parameter | undefined): void {
  const currentRevision = before?.revision ?? 0n;
  if (ifRevision !== undefined && ifRevision !== currentRevision) throw revisionMismatch([{ key, currentRevision }]);
}

function checkValueFits({ key, value, allowKindChange }: SetOperation, path: string, before?: Parameter): void {
  if (before === undefined && value === undefined) {
    const findings = new Findings();
    findings.invalid(`${path}value`, `${JSON.stringify(key)} does not exist: to create it, a value is required`);
    findings.settle();
  }
  if (before === undefined || value === undefined || allowKindChange) return;
  const currentKind = apiNameOf(kindOf(before.value));
  if (apiNameOf(kindOf(value)) === currentKind) return;
  const message = `${JSON.stringify(key)} holds a ${currentKind}; allow_kind_change allows another kind`;
  throw failure('KIND_MISMATCH', { key, currentKind }, message);
}

/** Removals come first. */
function mergedLabels({ labels, removeLabels }: SetOperation, before?: Parameter): Map<string, string> {
  const merged = new Map(removeLabels.includes('*') ? [] : before?.labels);
  for (const name of removeLabels) merged.delete(name);
  for (const [name, text] of labels) merged.set(name, text);
  return merged;
}

/** What a parameter counts for, in limits that are in bytes. */
export function storedBytes(parameter: Parameter | undefined): number {
  if (parameter === undefined) return 0;
  let bytes = 96 + Buffer.byteLength(parameter.key) + Buffer.byteLength(parameter.updatedBy);
  if (parameter.value !== undefined) bytes += Value.encode(parameter.value).finish().length;
  for (const [name, text] of parameter.labels) bytes += 8 + Buffer.byteLength(name) + Buffer.byteLength(text);
  return bytes;
}

/** @param freshness of a read; a write was judged at the head */
export function notFound(key: string, revision: bigint, freshness?: Freshness): ParamdRpcError {
  const message = `${JSON.stringify(key)} does not exist at revision ${revision}`;
  const details = { freshness: freshness ?? Freshness.create({ revision, servedFrom: Tier.TIER_STORE }) };
  return failure('PARAMETER_NOT_FOUND', { key }, message, details);
}

function parameterExists({ key, revision }: Parameter): ParamdRpcError {
  const message = `${JSON.stringify(key)} exists, at revision ${revision}`;
  return failure('PARAMETER_EXISTS', { key, currentRevision: String(revision) }, message);
}

/** @param mismatches at least one; a revision of 0n: does not exist */
function revisionMismatch(mismatches: readonly { key: string; currentRevision: bigint }[]): ParamdRpcError {
  const told = mismatches.map(({ key, currentRevision }) => ({
    key,
    currentRevision: String(currentRevision),
    what: currentRevision === 0n ? 'does not exist' : `is at revision ${currentRevision}`,
  }));
  const violations = told.map(({ key, what }) => ({ type: 'REVISION', subject: key, description: what }));
  const { key, currentRevision } = told[0]!;
  const message = told.map(({ key, what }) => `${JSON.stringify(key)} ${what}`).join('; ');
  const details = { preconditionFailure: PreconditionFailure.create({ violations }) };
  return failure('REVISION_MISMATCH', { key, currentRevision }, message, details);
}
