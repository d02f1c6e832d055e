import type { PoolClient } from 'pg';
import type { Epoch, Head, Revision } from '../../model/revision.ts';
import { isOfAnother } from '../../ports/store.ts';
import { headOn } from './read-parameters.ts';

export interface EpochStart {
  readonly expected: Epoch;
  readonly lostAfter: Revision;
  readonly seen: Head | undefined;
  readonly partitionRevisions: number;
}

/** All on one connection: the server that is asked first is the one that it begins on. */
export async function startEpoch(client: PoolClient, start: EpochStart): Promise<Head> {
  const { expected, lostAfter, seen, partitionRevisions } = start;
  const head = await headOn(client);
  if (seen !== undefined && isOfAnother(seen, head, expected)) return head;
  await client.query('SELECT paramd.start_epoch($1, $2, $3, $4)', [
    String(expected.number),
    expected.id,
    String(lostAfter),
    partitionRevisions,
  ]);
  return headOn(client);
}
