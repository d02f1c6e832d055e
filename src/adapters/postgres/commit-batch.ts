import type { ValueKind } from '../../model/parameter.ts';
import { CACHE_TTL_DEFAULT_NS } from '../../model/parameter.ts';
import type { Batch, Operation, Outcome, Refusal, SetDone, SetOperation, Write } from '../../model/write.ts';
import { COMMIT_BYTES_MAX, LABELS_MAX } from '../../model/write.ts';
import type { Committed, Expected } from '../../ports/store.ts';
import { StoreError } from '../../ports/store.ts';
import { PartitionMissingError, RetriableError } from './classify.ts';
import type { Lane } from './lane.ts';
import { toLabels } from './rows.ts';

const PARAMETERS = 26;
const COMMIT_BATCH = `SELECT * FROM paramd.commit_batch(${Array.from({ length: PARAMETERS }, (_, index) => `$${index + 1}`).join(', ')})`;

interface CommittedRow {
  refusal: string | null;
  epoch_id: string;
  previous_batch_id: string;
  from_revision: string;
  to_revision: string;
  time_us: string;
  outcomes: string;
}

/** As paramd.commit_batch tells it (0006_commit_batch.sql). Indexes are of operations within their write. */
type Told = ToldDone | ToldReplayed | ToldUnmet | string;
type ToldDone = readonly [ahead: number | null, sets: readonly ToldSet[], missing?: readonly number[]];
type ToldSet = 0 | string | readonly [counts: string, labels?: Record<string, string>];
interface ToldReplayed {
  readonly replayed: string;
  readonly time: string;
  readonly missing: readonly number[];
}
interface ToldUnmet {
  readonly unmet: readonly (readonly [index: number, revision: string])[];
}

export interface CommitOptions {
  /** No further attempt is begun after this. */
  readonly retryMs: number;
  /** Makes the partition that turned out to be missing. */
  readonly extend: () => Promise<unknown>;
}

/** One batch, again as long as it certainly was not done and may succeed. */
export async function commitBatch(
  lane: Lane,
  batch: Batch,
  expected: Expected,
  options: CommitOptions,
): Promise<Committed> {
  const values = valuesOf(batch, expected);
  const begun = performance.now();
  let extended = false;
  for (;;) {
    try {
      return await lane.use(async (client) => {
        const { rows } = await client.query<CommittedRow>({ name: 'commit batch', text: COMMIT_BATCH, values });
        return toCommitted(batch, rows[0]!);
      }, 'write');
    } catch (error) {
      const inTime = performance.now() - begun < options.retryMs;
      if (error instanceof PartitionMissingError && !extended) {
        extended = true;
        await options.extend();
      } else if (!(error instanceof RetriableError && inTime)) throw error;
    }
  }
}

function valuesOf({ id, writes }: Batch, expected: Expected): unknown[] {
  const conditions = writes.flatMap((write, at) =>
    write.conditions.map(({ key, ifRevision }, index) => ({ w: at + 1, index, key, ifRevision })),
  );
  const operations = writes.flatMap((write, at) =>
    write.operations.map((operation, index) => ({ w: at + 1, index, operation, set: setOf(operation) })),
  );
  const encoded = operations.map(({ set }) => set?.value?.encoded);
  const requested = <T>(pick: (write: Write) => T) =>
    unlessNull(writes, (write) => (write.requestId === '' ? null : pick(write)));
  let at = 1;
  return [
    id,
    expected.epochId,
    String(expected.applied),
    expected.batchIdAtApplied,
    writes.map(({ actor }) => actor),
    writes.map(({ validateOnly }) => validateOnly),
    requested(({ principal }) => principal),
    requested(({ requestId }) => requestId),
    requested(({ contentHash }) => Buffer.from(contentHash)),
    unlessNull(conditions, ({ w }) => w),
    unlessNull(conditions, ({ index }) => index),
    unlessNull(conditions, ({ key }) => key),
    unlessNull(conditions, ({ ifRevision }) => String(ifRevision)),
    operations.map(({ w }) => w),
    operations.map(({ index }) => index),
    operations.map(({ set }) => set === undefined),
    operations.map(({ operation }) => operation.key),
    unlessNull(operations, ({ operation }) => operation.ifRevision?.toString()),
    operations.map(({ operation }) => (operation.type === 'set' ? operation.allowKindChange : operation.allowMissing)),
    unlessNull(operations, ({ set }) => set?.value?.kind),
    Buffer.concat(encoded.filter((bytes) => bytes !== undefined)),
    encoded.map((bytes) => {
      const start = at;
      at += bytes?.length ?? 0;
      return start;
    }),
    unlessNull(encoded, (bytes) => bytes?.length),
    unlessNull(operations, ({ set }) => set?.cacheTtlNs?.toString()),
    unlessNull(operations, ({ set }) =>
      set && set.labels.size > 0 ? JSON.stringify(Object.fromEntries(set.labels)) : null,
    ),
    unlessNull(operations, ({ set }) => (set && set.removeLabels.length > 0 ? JSON.stringify(set.removeLabels) : null)),
  ];
}

/** Null stands for an array of nothing but nulls: most batches have no conditions, labels and so on. */
function unlessNull<Row, T>(rows: readonly Row[], pick: (row: Row) => T | null | undefined): (T | null)[] | null {
  const values = rows.map((row) => pick(row) ?? null);
  return values.some((value) => value !== null) ? values : null;
}

function setOf(operation: Operation): SetOperation | undefined {
  return operation.type === 'set' ? operation : undefined;
}

function toCommitted(batch: Batch, row: CommittedRow): Committed {
  if (row.refusal !== null) throw new StoreError('epoch-changed', `the store disagrees: another ${row.refusal}`);
  const told = JSON.parse(row.outcomes) as Told[];
  return {
    outcomes: batch.writes.map((write, index) => toOutcome(write, told[index]!, row)),
    from: BigInt(row.from_revision),
    to: BigInt(row.to_revision),
    previousBatchId: row.previous_batch_id,
    epochId: row.epoch_id,
  };
}

function toOutcome(write: Write, told: Told, row: CommittedRow): Outcome {
  if (typeof told === 'string') return { done: false, refusal: toRefusal(write, told, row) };
  if ('unmet' in told) return { done: false, refusal: unmetConditions(write, told) };
  const setOperations = write.operations.filter((operation) => operation.type === 'set');
  const done = (missing: readonly number[]) => ({
    done: true as const,
    changed: !write.validateOnly && missing.length < write.operations.length,
    missing: missing.map((index) => write.operations[index]!.key),
  });
  if ('replayed' in told) {
    const { replayed, time, missing } = told;
    return { ...done(missing), revision: BigInt(replayed), replayed: true, updateTimeUs: BigInt(time), sets: [] };
  }
  const [ahead, sets, missing = []] = told;
  const revision = ahead === null ? 0n : BigInt(row.from_revision) - 1n + BigInt(ahead);
  const updateTimeUs = BigInt(row.time_us);
  return {
    ...done(missing),
    revision,
    replayed: false,
    updateTimeUs,
    sets: setOperations.map((operation, index) => toSetDone(operation, sets[index]!, revision, updateTimeUs)),
  };
}

function toSetDone(operation: SetOperation, told: ToldSet, revision: bigint, timeUs: bigint): SetDone {
  if (typeof told === 'number') {
    return {
      key: operation.key,
      createRevision: revision,
      version: 1n,
      createTimeUs: timeUs,
      cacheTtlNs: operation.cacheTtlNs ?? CACHE_TTL_DEFAULT_NS,
      labels: operation.labels,
    };
  }
  const [counts, labels] = typeof told === 'string' ? [told, {}] : told;
  const [createRevision, version, createTimeUs, cacheTtlNs = CACHE_TTL_DEFAULT_NS] = counts.split(' ').map(BigInt) as [
    bigint,
    bigint,
    bigint,
    bigint?,
  ];
  return { key: operation.key, createRevision, version, createTimeUs, cacheTtlNs, labels: labels && toLabels(labels) };
}

function unmetConditions(write: Write, { unmet }: ToldUnmet): Refusal {
  return {
    reason: 'REVISION_MISMATCH',
    mismatches: unmet.map(([index, revision]) => ({
      key: write.conditions[index]!.key,
      currentRevision: BigInt(revision),
    })),
  };
}

function toRefusal(write: Write, told: string, row: CommittedRow): Refusal {
  const [reason, index = '0', current = '0', ahead = '0', kind] = told.split(' ');
  const operation = Number(index);
  const key = write.operations[operation]!.key;
  const currentRevision = BigInt(current);
  switch (reason) {
    case 'PARAMETER_NOT_FOUND':
      return { reason, key, revision: BigInt(row.from_revision) - 1n + BigInt(ahead) };
    case 'PARAMETER_EXISTS':
      return { reason, key, currentRevision };
    case 'REVISION_MISMATCH':
      return { reason, mismatches: [{ key, currentRevision }] };
    case 'KIND_MISMATCH':
      return { reason, key, currentKind: kind as ValueKind };
    case 'VALUE_REQUIRED':
      return { reason, key, operation };
    case 'REQUEST_ID_REUSED':
      return { reason };
    case 'LABELS':
      return { reason: 'LIMIT_EXCEEDED', limit: 'labels', maximum: LABELS_MAX };
    case 'COMMIT_BYTES':
      return { reason: 'LIMIT_EXCEEDED', limit: 'commit_bytes', maximum: COMMIT_BYTES_MAX };
    default:
      throw new StoreError('internal', `the store refused for a reason that is not known: ${reason}`);
  }
}
