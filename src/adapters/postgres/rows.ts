import type { Parameter, ValueKind } from '../../model/parameter.ts';
import type { Head } from '../../model/revision.ts';
import { StandbyError } from './classify.ts';

/** pg gives bigint as text. */
export interface ParameterRow {
  key: string;
  kind: string;
  /** Null: not asked for. */
  value: Buffer | null;
  mod_revision: string;
  create_revision: string;
  version: string;
  create_time_us: string;
  update_time_us: string;
  updated_by: string;
  labels: Record<string, string>;
  cache_ttl_ns: string;
}

/** Revisions and numbers as text, see the view paramd.head_told. */
export type HeadRow = [
  revision: string,
  batchId: string,
  compactRevision: string,
  number: string,
  id: string,
  startRevision: string,
  lostAfter: string,
  epochIncarnation: string,
  incarnation: string | null,
];

const NO_LABELS: ReadonlyMap<string, string> = new Map();

export function toParameter(row: ParameterRow): Parameter {
  return {
    key: row.key,
    value: row.value === null ? undefined : { kind: row.kind as ValueKind, encoded: row.value },
    revision: BigInt(row.mod_revision),
    createRevision: BigInt(row.create_revision),
    version: BigInt(row.version),
    createTimeUs: BigInt(row.create_time_us),
    updateTimeUs: BigInt(row.update_time_us),
    updatedBy: row.updated_by,
    labels: toLabels(row.labels),
    cacheTtlNs: BigInt(row.cache_ttl_ns),
  };
}

export function toLabels(labels: Record<string, string>): ReadonlyMap<string, string> {
  const entries = Object.entries(labels);
  return entries.length === 0 ? NO_LABELS : new Map(entries);
}

/** Throws where the server is a standby: what it tells may be old. */
export function toHead(row: HeadRow): Head {
  const [revision, batchId, compactRevision, number, id, startRevision, lostAfter, epochIncarnation, incarnation] = row;
  if (incarnation === null) throw new StandbyError();
  return {
    revision: BigInt(revision),
    batchId,
    compactRevision: BigInt(compactRevision),
    epoch: {
      number: BigInt(number),
      id,
      startRevision: BigInt(startRevision),
      lostAfter: BigInt(lostAfter),
      incarnation: epochIncarnation,
    },
    incarnation,
  };
}
