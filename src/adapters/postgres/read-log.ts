import type { Event, LogEntry } from '../../model/event.ts';
import type { Parameter, ValueKind } from '../../model/parameter.ts';
import type { Revision } from '../../model/revision.ts';
import type { LogPage, LogRequest } from '../../ports/store.ts';
import type { Lane } from './lane.ts';
import type { HeadRow } from './rows.ts';
import { toHead, toLabels } from './rows.ts';

const COLUMNS = `revision, batch_id, time_us, key, deleted`;
const WHOLE = `updated_by, kind, value, create_revision, version, create_time_us, labels, cache_ttl_ns,
  previous_revision, previous_kind, previous_value, previous_create_revision, previous_version, previous_create_time_us,
  previous_update_time_us, previous_updated_by, previous_labels, previous_cache_ttl_ns`;
const BYTES_BARE = '96 + octet_length(key)';
const BYTES_WHOLE = `${BYTES_BARE} + octet_length(updated_by) + coalesce(octet_length(value), 0)
  + CASE WHEN labels <> '{}' THEN octet_length(labels::text) ELSE 0 END
  + CASE WHEN previous_revision IS NULL THEN 0 ELSE 96 + octet_length(key) + octet_length(previous_updated_by)
    + octet_length(previous_value)
    + CASE WHEN previous_labels <> '{}' THEN octet_length(previous_labels::text) ELSE 0 END END`;

/**
 * Whole revisions, so first where the page ends, which needs few columns: both sums are over all rows of a revision (rows
 * of equal revision are peers), so the cut is between two. dense_rank stops the scan after $2 revisions, so the cost is
 * that of the page.
 */
function logText(values: boolean): string {
  const columns = values ? `${COLUMNS}, ${WHOLE}` : COLUMNS;
  return `
    WITH told AS MATERIALIZED (
      SELECT head, (head ->> 2)::bigint AS compact_revision, paramd.batch_id_at($1) AS batch_id_at_after, (
        SELECT max(revision) FROM (
          SELECT revision, dense_rank() OVER in_order AS place,
            sum(${values ? BYTES_WHOLE : BYTES_BARE}) OVER in_order AS bytes
          FROM paramd.change WHERE revision > $1 WINDOW in_order AS (ORDER BY revision)
        ) AS following WHERE place <= $2 AND (place = 1 OR bytes <= $3)
      ) AS last
      FROM paramd.head_told
    )
    SELECT CASE WHEN coalesce(row, 1) = 1 THEN head END AS head,
      CASE WHEN coalesce(row, 1) = 1 THEN batch_id_at_after END AS batch_id_at_after, ${columns}
    FROM told LEFT JOIN LATERAL (
      SELECT *, row_number() OVER (ORDER BY revision, sub) AS row
      FROM paramd.change WHERE revision > $1 AND revision <= last
    ) AS page ON $1 >= compact_revision
    ORDER BY row`;
}

export const LOG = { bare: logText(false), whole: logText(true) };

const ENTRY = `
  SELECT head, ${COLUMNS}, ${WHOLE}
  FROM paramd.head_told LEFT JOIN paramd.change ON revision = $1 AND revision > (head ->> 2)::bigint ORDER BY sub`;

/** Behind `deleted` only where values were asked for. */
interface ChangeRow {
  head: HeadRow | null;
  batch_id_at_after: string | null;
  revision: string | null;
  batch_id: string;
  time_us: string;
  key: string;
  deleted: boolean;
  updated_by: string;
  kind: string | null;
  value: Buffer | null;
  create_revision: string | null;
  version: string | null;
  create_time_us: string | null;
  labels: Record<string, string> | null;
  cache_ttl_ns: string | null;
  previous_revision: string | null;
  previous_kind: string | null;
  previous_value: Buffer | null;
  previous_create_revision: string | null;
  previous_version: string | null;
  previous_create_time_us: string | null;
  previous_update_time_us: string | null;
  previous_updated_by: string | null;
  previous_labels: Record<string, string> | null;
  previous_cache_ttl_ns: string | null;
}

export function readLog(lane: Lane, request: LogRequest): Promise<LogPage> {
  const { after, entriesMax, bytesMax, values } = request;
  return lane.answer(
    {
      name: values ? 'log' : 'log bare',
      text: values ? LOG.whole : LOG.bare,
      values: [String(after), entriesMax, bytesMax],
    },
    (rows: ChangeRow[]) => ({
      head: toHead(rows[0]!.head!),
      batchIdAtAfter: rows[0]!.batch_id_at_after ?? undefined,
      entries: toEntries(rows, values),
    }),
  );
}

export function readEntry(lane: Lane, revision: Revision): Promise<LogEntry | undefined> {
  return lane.answer({ name: 'entry', text: ENTRY, values: [String(revision)] }, (rows: ChangeRow[]) => {
    toHead(rows[0]!.head!);
    return toEntries(rows, true)[0];
  });
}

function toEntries(rows: readonly ChangeRow[], values: boolean): LogEntry[] {
  const entries: { revision: Revision; batchId: string; events: Event[] }[] = [];
  for (const row of rows) {
    if (row.revision === null) continue;
    const revision = BigInt(row.revision);
    if (entries.at(-1)?.revision !== revision) entries.push({ revision, batchId: row.batch_id, events: [] });
    entries.at(-1)!.events.push(toEvent(row, revision, values));
  }
  return entries;
}

function toEvent(row: ChangeRow, revision: Revision, values: boolean): Event {
  const type = row.deleted ? 'delete' : 'put';
  if (!values) return { type, key: row.key, revision };
  return { type, key: row.key, revision, parameter: written(row, revision), previous: previousOf(row) };
}

function written(row: ChangeRow, revision: Revision): Parameter {
  if (row.deleted) {
    return {
      key: row.key,
      value: undefined,
      revision,
      createRevision: 0n,
      version: 0n,
      createTimeUs: 0n,
      updateTimeUs: BigInt(row.time_us),
      updatedBy: row.updated_by,
      labels: new Map(),
      cacheTtlNs: 0n,
    };
  }
  return {
    key: row.key,
    value: { kind: row.kind as ValueKind, encoded: row.value! },
    revision,
    createRevision: BigInt(row.create_revision!),
    version: BigInt(row.version!),
    createTimeUs: BigInt(row.create_time_us!),
    updateTimeUs: BigInt(row.time_us),
    updatedBy: row.updated_by,
    labels: toLabels(row.labels!),
    cacheTtlNs: BigInt(row.cache_ttl_ns!),
  };
}

function previousOf(row: ChangeRow): Parameter | null {
  if (row.previous_revision === null) return null;
  return {
    key: row.key,
    value: { kind: row.previous_kind as ValueKind, encoded: row.previous_value! },
    revision: BigInt(row.previous_revision),
    createRevision: BigInt(row.previous_create_revision!),
    version: BigInt(row.previous_version!),
    createTimeUs: BigInt(row.previous_create_time_us!),
    updateTimeUs: BigInt(row.previous_update_time_us!),
    updatedBy: row.previous_updated_by!,
    labels: toLabels(row.previous_labels!),
    cacheTtlNs: BigInt(row.previous_cache_ttl_ns!),
  };
}
