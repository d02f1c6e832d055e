import type { Event, LogEntry } from '../../model/event.ts';
import type { Parameter } from '../../model/parameter.ts';
import type { Revision } from '../../model/revision.ts';
import type { LogPage, LogRequest } from '../../ports/store.ts';
import type { Lane } from './lane.ts';
import type { HeadRow, ParameterRow } from './rows.ts';
import { toHead, toParameter } from './rows.ts';

const PREVIOUS = [
  'kind',
  'value',
  'create_revision',
  'version',
  'create_time_us',
  'update_time_us',
  'updated_by',
  'labels',
  'cache_ttl_ns',
];
const COLUMNS = `revision, batch_id, time_us, key, deleted`;
const WHOLE = `updated_by, kind, value, create_revision, version, create_time_us, labels, cache_ttl_ns,
  previous_revision, ${PREVIOUS.map((column) => `previous_${column}`).join(', ')}`;
const BYTES_BARE = '96 + octet_length(key)';
const BYTES_WHOLE = `${BYTES_BARE} + octet_length(updated_by) + coalesce(octet_length(value), 0)
  + CASE WHEN labels <> '{}' THEN octet_length(labels::text) ELSE 0 END
  + CASE WHEN previous_revision IS NULL THEN 0 ELSE 96 + octet_length(key) + octet_length(previous_updated_by)
    + octet_length(previous_value)
    + CASE WHEN previous_labels <> '{}' THEN octet_length(previous_labels::text) ELSE 0 END END`;

/**
 * Whole revisions: both sums are over all rows of a revision (rows of equal revision are peers), so the cut is between two.
 * dense_rank stops the scan after $2 revisions, so the cost is that of the page.
 */
function logText(values: boolean): string {
  const columns = values ? `${COLUMNS}, ${WHOLE}` : COLUMNS;
  return `
    WITH ranked AS (
      SELECT * FROM (
        SELECT ${columns}, sub, dense_rank() OVER in_order AS place,
          sum(${values ? BYTES_WHOLE : BYTES_BARE}) OVER in_order AS bytes
        FROM paramd.change WHERE revision > $1 WINDOW in_order AS (ORDER BY revision)
      ) AS following WHERE place <= $2
    ), page AS MATERIALIZED (
      SELECT *, row_number() OVER (ORDER BY revision, sub) AS row FROM ranked WHERE place = 1 OR bytes <= $3
    )
    SELECT CASE WHEN coalesce(row, 1) = 1 THEN head END AS head,
      CASE WHEN coalesce(row, 1) = 1 THEN paramd.batch_id_at($1) END AS batch_id_at_after, ${columns}
    FROM paramd.head_told LEFT JOIN page ON $1 >= (head ->> 2)::bigint ORDER BY row`;
}

export const LOG = { bare: logText(false), whole: logText(true) };

const ENTRY = `
  SELECT head, ${COLUMNS}, ${WHOLE}
  FROM paramd.head_told LEFT JOIN paramd.change ON revision = $1 AND revision > (head ->> 2)::bigint ORDER BY sub`;

interface ChangeRow {
  head: HeadRow | null;
  batch_id_at_after: string | null;
  revision: string | null;
  batch_id: string;
  time_us: string;
  key: string;
  deleted: boolean;
  updated_by?: string;
  previous_revision?: string | null;
  [column: string]: unknown;
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
  if (!row.deleted) {
    return toParameter({ ...row, mod_revision: row.revision, update_time_us: row.time_us } as unknown as ParameterRow);
  }
  return {
    key: row.key,
    value: undefined,
    revision,
    createRevision: 0n,
    version: 0n,
    createTimeUs: 0n,
    updateTimeUs: BigInt(row.time_us),
    updatedBy: row.updated_by!,
    labels: new Map(),
    cacheTtlNs: 0n,
  };
}

function previousOf(row: ChangeRow): Parameter | null {
  if (row.previous_revision == null) return null;
  const columns = PREVIOUS.map((column) => [column, row[`previous_${column}`]] as const);
  return toParameter({
    key: row.key,
    mod_revision: row.previous_revision,
    ...Object.fromEntries(columns),
  } as ParameterRow);
}
