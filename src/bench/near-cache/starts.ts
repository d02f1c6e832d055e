import { connect } from '../../client/index.ts';
import { checkHolds, PREFIX } from './numbers.ts';

export interface Start {
  /** From opening the cache until all parameters can be read. */
  readonly ms: number;
  /** How often its progress was told. */
  readonly progress: number;
}

/** In a process that has not done it before. @param snapshotFile is left with what was loaded */
export async function startFromServer(target: string, count: number, snapshotFile?: string): Promise<Start> {
  const client = connect({ target });
  const loaded: number[] = [];
  const startedMs = performance.now();
  const cache = client.cache({ prefixes: [PREFIX], snapshotFile, onProgress: (n) => loaded.push(n), log: () => {} });
  await cache.ready({ timeoutMs: 60_000 });
  const ms = performance.now() - startedMs;
  checkHolds(cache, count, 'CACHE');
  if (loaded.length === 0 || loaded.at(-1)! > count) throw new Error('the progress of loading was not told, or wrong');
  await cache.close();
  client.close();
  return { ms, progress: loaded.length };
}

/** With no server at all. */
export async function startFromSnapshot(snapshotFile: string, count: number): Promise<Start> {
  const client = connect({ target: '127.0.0.1:1' });
  const startedMs = performance.now();
  const cache = client.cache({ prefixes: [PREFIX], snapshotFile, log: () => {} });
  const ms = performance.now() - startedMs;
  checkHolds(cache, count, 'SNAPSHOT');
  await cache.close();
  client.close();
  return { ms, progress: 0 };
}
