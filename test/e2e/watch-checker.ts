import { expect } from 'chai';
import { Client } from 'pg';
import { Event_Type } from '../../gen/parameter/v1/parameter.ts';
import { WatchResponse_Kind as Kind, type WatchResponse } from '../../gen/parameter/v1/parameter_service.ts';

/** One event as the store's log has it: what every watch is held against. */
export interface Logged {
  readonly revision: bigint;
  readonly key: string;
  readonly type: Event_Type;
}

/** Straight from the table, past everything that is to be checked. */
export async function storedLog(databaseUrl: string): Promise<Logged[]> {
  const rows = await query<{ revision: string; key: string; deleted: boolean }>(
    databaseUrl,
    'SELECT revision, key, deleted FROM paramd.change ORDER BY revision, sub',
  );
  return rows.map(({ revision, key, deleted }) => ({
    revision: BigInt(revision),
    key,
    type: deleted ? Event_Type.TYPE_DELETE : Event_Type.TYPE_PUT,
  }));
}

export async function query<Row extends object>(databaseUrl: string, statement: string): Promise<Row[]> {
  const client = new Client({ connectionString: databaseUrl });
  // Whoever waits for an answer is told by its promise.
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** C9: 1, 2, 3 … of one epoch. */
export function expectDense(log: readonly Logged[]): void {
  const revisions = [...new Set(log.map(({ revision }) => revision))];
  expect(revisions.map(String)).to.deep.equal(revisions.map((_, at) => String(revisions[0]! + BigInt(at))));
}

/**
 * C10, of the responses of watches that were resumed one behind the other: ordered, unique, atomic, without a gap, and
 * nothing up to a bookmark after it.
 */
export function expectFaithful(
  responses: readonly WatchResponse[],
  log: readonly Logged[],
  range: { readonly from: bigint; readonly matches: (key: string) => boolean },
): void {
  let bookmark = 0n;
  for (const { kind, events, revision } of responses) {
    for (const event of events)
      expect(event.revision > bookmark, `${event.revision} behind ${bookmark}`).to.equal(true);
    if (kind === Kind.KIND_CHANGES) {
      expect(revision >= events.at(-1)!.revision, 'a response tells up to where it goes').to.equal(true);
    }
    expect(revision >= bookmark, `bookmark ${revision} after ${bookmark}`).to.equal(true);
    bookmark = revision;
  }
  const seen = responses.flatMap(({ events }) => events);
  const due = log.filter(({ revision, key }) => revision >= range.from && revision <= bookmark && range.matches(key));
  const plain = ({ revision, key, type }: Logged) => `${revision} ${type} ${key}`;
  const seenPlain = seen.map(({ revision, parameter, type }) => plain({ revision, key: parameter!.key, type }));
  expect(seenPlain).to.deep.equal(due.map(plain));
}
