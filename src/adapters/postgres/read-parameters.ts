import type { PoolClient } from 'pg';
import type { Head } from '../../model/revision.ts';
import type { ListedPage, ListRange, ReadLimits, StoreRead } from '../../ports/store.ts';
import { StoreError } from '../../ports/store.ts';
import type { Lane } from './lane.ts';
import { prefixSuccessor } from './prefix-successor.ts';
import type { HeadRow, ParameterRow } from './rows.ts';
import { toHead, toParameter } from './rows.ts';

// Head and parameters come in one statement, so that they are of one snapshot. The head stands in the first row.

const HEAD = { name: 'head', text: 'SELECT head FROM paramd.head_told' };

export function readHead(lane: Lane): Promise<Head> {
  return lane.answer(HEAD, (rows: { head: HeadRow }[]) => toHead(rows[0]!.head));
}

/** Of the server that this connection leads to. */
export async function headOn(client: PoolClient): Promise<Head> {
  const { rows } = await client.query<{ head: HeadRow }>(HEAD);
  return toHead(rows[0]!.head);
}

const COLUMNS = `key, kind, mod_revision, create_revision, version, create_time_us, update_time_us, updated_by, labels, cache_ttl_ns`;

interface ReadRow extends ParameterRow {
  head: HeadRow | null;
  bytes: string | null;
}

const READ = `
  WITH found AS MATERIALIZED (
    SELECT *, sum(octet_length(value)) OVER () AS bytes, row_number() OVER () AS place
    FROM paramd.current WHERE key = ANY($1)
  )
  SELECT CASE WHEN coalesce(place, 1) = 1 THEN head END AS head, bytes,
    CASE WHEN bytes <= $2 THEN value END AS value, ${COLUMNS}
  FROM paramd.head_told LEFT JOIN found ON true`;

export function readParameters(lane: Lane, keys: readonly string[], limits: ReadLimits): Promise<StoreRead> {
  return lane.answer({ name: 'read', text: READ, values: [keys, limits.bytesMax] }, (rows: ReadRow[]) => {
    const head = toHead(rows[0]!.head!);
    const bytes = Number(rows[0]!.bytes ?? 0);
    if (bytes > limits.bytesMax) throw new StoreError('too-large', `${bytes} bytes, at most ${limits.bytesMax}`);
    const parameters = rows.filter(({ key }) => key !== null).map(toParameter);
    return { head, parameters: new Map(parameters.map((parameter) => [parameter.key, parameter])) };
  });
}

/** Behind every key: they have at most 512 bytes, these are 516. */
const BEHIND_ALL = '\u{10ffff}'.repeat(129);

type Above = '>' | '>=';

const keyRange = (key: string, above: Above) => `${key} ${above} $1 AND ${key} < $2`;

function pageNow(above: Above): string {
  return `SELECT value, ${COLUMNS} FROM paramd.current WHERE ${keyRange('key', above)} ORDER BY key LIMIT $3 + 1`;
}

/**
 * The state as of $6 = what is older, and for each key changed later the previous of its first change after it. Keys that
 * are gone are found by their deletes. Each half stops after a page, so that the cost is that of a page and of the keys
 * changed since within it.
 */
function pageAsOf(above: Above): string {
  const then = `
    SELECT previous_value AS value, change.key, previous_kind AS kind, previous_revision AS mod_revision,
      previous_create_revision AS create_revision, previous_version AS version,
      previous_create_time_us AS create_time_us, previous_update_time_us AS update_time_us,
      previous_updated_by AS updated_by, previous_labels AS labels, previous_cache_ttl_ns AS cache_ttl_ns
    FROM paramd.change WHERE change.key = k.key AND revision > $6 ORDER BY revision LIMIT 1`;
  const either = `value, ${COLUMNS}`
    .split(', ')
    .map((column) => `CASE WHEN k.mod_revision <= $6 THEN k.${column} ELSE t.${column} END AS ${column}`);
  return `
    (SELECT ${either.join(', ')}
    FROM paramd.current k LEFT JOIN LATERAL (${then}) t ON k.mod_revision > $6
    WHERE ${keyRange('k.key', above)} AND (k.mod_revision <= $6 OR t.mod_revision IS NOT NULL)
    ORDER BY k.key LIMIT $3 + 1)
    UNION ALL
    (SELECT t.*
    FROM (
      SELECT DISTINCT d.key FROM paramd.change d WHERE d.deleted AND d.revision > $6 AND ${keyRange('d.key', above)}
        AND NOT EXISTS (SELECT 1 FROM paramd.current c WHERE c.key = d.key)
      ORDER BY d.key
    ) k CROSS JOIN LATERAL (${then}) t
    WHERE t.mod_revision IS NOT NULL
    ORDER BY k.key LIMIT $3 + 1)
    ORDER BY key LIMIT $3 + 1`;
}

function listText(above: Above, page: (above: Above) => string): string {
  return `
    WITH page AS (${page(above)}), measured AS MATERIALIZED (
      SELECT *, row_number() OVER in_order AS place, count(*) OVER () AS found, sum(
        96 + octet_length(key) + octet_length(updated_by)
        + CASE WHEN $5 THEN 0 ELSE octet_length(value) END
        + CASE WHEN labels = '{}' THEN 0 ELSE octet_length(labels::text) END
      ) OVER in_order AS bytes
      FROM page WINDOW in_order AS (ORDER BY key)
    )
    SELECT CASE WHEN coalesce(place, 1) = 1 THEN head END AS head, found,
      CASE WHEN NOT $5 THEN value END AS value, ${COLUMNS}
    FROM paramd.head_told LEFT JOIN measured ON place <= $3 AND (place = 1 OR bytes <= $4) ORDER BY place`;
}

export const LIST: Readonly<Record<'now' | 'asOf', Readonly<Record<Above, string>>>> = {
  now: { '>': listText('>', pageNow), '>=': listText('>=', pageNow) },
  asOf: { '>': listText('>', pageAsOf), '>=': listText('>=', pageAsOf) },
};

interface ListRow extends ParameterRow {
  head: HeadRow | null;
  found: string | null;
}

export function listParameters(lane: Lane, range: ListRange): Promise<ListedPage> {
  const { after, prefix, asOf, limit, bytesMax, keysOnly } = range;
  const resumes = after !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) > 0;
  const state = asOf === undefined ? 'now' : 'asOf';
  const above = resumes ? '>' : '>=';
  const values = [resumes ? after : prefix, prefixSuccessor(prefix) ?? BEHIND_ALL, limit, bytesMax, keysOnly];
  if (asOf !== undefined) values.push(String(asOf));
  return lane.answer(
    { name: `list ${state} ${above}`, text: LIST[state][above], values },
    (rows: ListRow[]): ListedPage => {
      const parameters = rows.filter(({ key }) => key !== null).map(toParameter);
      return { head: toHead(rows[0]!.head!), parameters, more: Number(rows[0]!.found ?? 0) > parameters.length };
    },
  );
}
