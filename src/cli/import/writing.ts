// Problem: an import is many commits, and what ends it in the middle (Ctrl-C, a dead server, a lost answer) leaves one
// of which nobody knows whether it was done. Naive answer: a request_id from the file and the position in it, so that the
// same commit in the next run is not done twice; but importing one file, another one and the first again within the hour
// would then skip the third import without a word, and be refused where a batch has other contents than before. Chosen
// answer: a run writes only what differs from what it reads, linearizably; and the request_id is derived from the file,
// the lines and the revisions that they replace. A commit that is still on its way when the next run reads has the same
// id there and is done once; one that was done leaves no difference; and after any other write the id is another.
import { createHash } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { ParamdRpcError } from '../../client/index.ts';
import { deleteListed } from '../delete-listed.ts';
import { inHalves, inParts, OPERATIONS_MAX } from '../in-halves.ts';
import { compare, type Rules } from './compare.ts';
import { type Difference, operationOf } from './difference.ts';
import type { Deed, ImportRun } from './run-import.ts';

/** Of a chunk that somebody else keeps writing to. */
const ATTEMPTS_MAX = 5;

/** Commits what differs. */
export function writing({ client, file, rules, signal }: ImportRun): Deed {
  async function commit(some: readonly Difference[]): Promise<bigint> {
    const operations = some.map((difference) => operationOf(difference, rules.allowKindChange));
    const conditions = rules.ifAbsent ? some.map(({ line }) => ({ key: line.key, ifRevision: 0n })) : [];
    const requestId = requestIdOf(file.sha256, some, rules);
    return (await client.commit(operations, { requestId, conditions, signal })).revision;
  }

  return {
    async differences({ lines, differences }, done) {
      let left = differences;
      for (let attempt = 1; ; attempt++) {
        try {
          for (const part of inParts(left, OPERATIONS_MAX)) {
            await inHalves(part, async (some) => done(some, await commit(some)));
          }
          return;
        } catch (error) {
          if (!isOutdated(error) || attempt === ATTEMPTS_MAX) throw error;
          left = await compare(client, lines, rules, signal);
        }
      }
    },
    prune: (parameters, done) => deleteListed(client, parameters, signal, done),
  };
}

function requestIdOf(sha256: string, some: readonly Difference[], { allowKindChange, ifAbsent }: Rules): string {
  const digest = createHash('sha256').update(`${sha256} ${allowKindChange} ${ifAbsent}`);
  for (const { line, current } of some) digest.update(` ${line.number}:${current?.revision ?? 0n}`);
  return `import-${digest.digest('hex').slice(0, 40)}`;
}

/** Somebody wrote between comparing and writing. */
function isOutdated(error: unknown): boolean {
  if (!(error instanceof ParamdRpcError)) return false;
  return error.code === status.ABORTED || error.reason === 'PARAMETER_EXISTS' || error.reason === 'KIND_MISMATCH';
}
