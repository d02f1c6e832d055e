// One measurement in a process of its own, so that none finds a heap or a compiler that another one has warmed. Told
// what to measure by its first message, answers with the figures, and ends.
import { connect } from '../../client/index.ts';
import { idleCaches } from './idle-caches.ts';
import { checkHolds, PREFIX } from './numbers.ts';
import { costOfManyKeys, costOfOneKey, type ReadCost } from './read-cost.ts';
import { type RetainedBytes, retainedBytes } from './retained-bytes.ts';
import { type Start, startFromServer, startFromSnapshot } from './starts.ts';

export type ApartOrder =
  | { readonly kind: 'reads'; readonly target: string; readonly count: number; readonly rounds: number }
  | { readonly kind: 'bytes'; readonly target: string; readonly count: number }
  | { readonly kind: 'start'; readonly target: string; readonly count: number; readonly snapshotFile?: string }
  | { readonly kind: 'snapshot'; readonly count: number; readonly snapshotFile: string }
  | { readonly kind: 'idle'; readonly target: string; readonly caches: number };

export interface ApartAnswers {
  readonly reads: { readonly many: ReadCost; readonly one: ReadCost };
  readonly bytes: RetainedBytes;
  readonly start: Start;
  readonly snapshot: Start;
  /** The first answer: all are open. */
  readonly idle: 'opened';
}

process.once('message', async (order: ApartOrder) => {
  process.once('disconnect', () => process.exit(1));
  process.send?.(await answerTo(order), () => process.exit(0));
});
process.on('SIGINT', () => {}); // the parent decides

async function answerTo(order: ApartOrder): Promise<unknown> {
  switch (order.kind) {
    case 'reads':
      return reads(order.target, order.count, order.rounds);
    case 'bytes':
      return retainedBytes(order.target, order.count);
    case 'start':
      return startFromServer(order.target, order.count, order.snapshotFile);
    case 'snapshot':
      return startFromSnapshot(order.snapshotFile, order.count);
    case 'idle':
      await idleCaches(order.target, order.caches, () => process.send?.('opened'));
      return 'ended';
  }
}

async function reads(target: string, count: number, rounds: number): Promise<ApartAnswers['reads']> {
  const client = connect({ target });
  const cache = client.cache({ prefixes: [PREFIX], log: () => {} });
  await cache.ready({ timeoutMs: 60_000 });
  checkHolds(cache, count, 'CACHE');
  const costs = { many: costOfManyKeys(cache, count, rounds), one: costOfOneKey(cache, rounds) };
  await cache.close();
  client.close();
  return costs;
}
