import type { Parameter } from '../../gen/parameter/v1/parameter.ts';
import { type ParamdClient, ParamdRpcError } from '../client/index.ts';
import { EXIT, Failure } from './failure.ts';
import { inHalves, inParts, OPERATIONS_MAX } from './in-halves.ts';

/** A parameter as it was when somebody decided on it. */
export type Listed = Pick<Parameter, 'key' | 'revision'>;

/** What every write acknowledged before has left under a prefix, a page at a time. */
export async function* listed(
  client: ParamdClient,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<readonly Listed[], void, undefined> {
  const settings = { keysOnly: true, pageSize: 1000, linearizable: true, signal };
  for await (const { parameters } of client.list(prefix, settings)) {
    yield parameters.map(({ key, revision }) => ({ key, revision }));
  }
}

/**
 * Deletes them as they were listed, up to 300 at one revision.
 * @param done told of each part, with its revision
 * @throws Failure where one has changed since, and with it stays its part
 */
export async function deleteListed(
  client: ParamdClient,
  parameters: readonly Listed[],
  signal: AbortSignal,
  done: (count: number, revision: bigint) => void,
): Promise<void> {
  for (const part of inParts(parameters, OPERATIONS_MAX)) {
    await inHalves(part, async (some) => {
      const operations = some.map(({ key }) => ({ delete: key, allowMissing: true }));
      const conditions = some.map(({ key, revision }) => ({ key, ifRevision: revision }));
      const { revision } = await client.commit(operations, { conditions, signal }).catch(explain);
      done(some.length, revision);
    });
  }
}

function explain(error: unknown): never {
  if (!(error instanceof ParamdRpcError) || error.reason !== 'REVISION_MISMATCH') throw error;
  const line = `somebody else has just written or deleted ${error.metadata.get('key')}; look again, and run this again`;
  throw new Failure(EXIT.condition, line, { cause: error });
}
