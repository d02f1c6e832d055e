import { type ParamdClient, ParamdRpcError } from '../client/index.ts';
import { storedText } from './stored-text.ts';

/** Tells the parameters of a benchmark from those that somebody needs. */
const OWN = 'paramd-bench';
const OWN_LABEL: ReadonlyMap<string, string> = new Map([[OWN, 'may be deleted']]);
/** Of one Commit: so many operations, and a third of the bytes that it may write and replace. */
const OPERATIONS_MAX = 300;
const COMMIT_BYTES_MAX = 1 << 20;
/** Beside the value, about: key, label, and what the store adds. */
const PARAMETER_BYTES = 200;

/** The prefix holds parameters that no benchmark has put there. */
export class ForeignParameters extends Error {
  constructor(prefix: string, count: number, first: string) {
    const what = count === 1 ? 'a parameter' : `${count} parameters`;
    super(`${what} under ${prefix} (${first}) no benchmark has put there; give a namespace of its own by --prefix`);
    this.name = 'ForeignParameters';
  }
}

/** Removes what an earlier run has left. @throws ForeignParameters if there are others; nothing is changed then */
export async function claimNamespace(client: ParamdClient, prefix: string, signal: AbortSignal): Promise<void> {
  const { own, foreign } = await present(client, prefix, signal);
  if (foreign.length > 0) throw new ForeignParameters(prefix, foreign.length, foreign[0]!);
  await deleteKeys(client, own, signal);
}

/** @returns the keys of all there are now, in their order */
export async function fillNamespace(
  client: ParamdClient,
  { prefix, count, valueBytes }: { readonly prefix: string; readonly count: number; readonly valueBytes: number },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(8, '0')}`);
  const countMax = Math.floor(COMMIT_BYTES_MAX / (valueBytes + PARAMETER_BYTES));
  for (const part of inParts(keys, countMax)) {
    const value = storedText(valueBytes, 0);
    const operations = part.map((key) => ({ set: key, value, labels: OWN_LABEL }));
    signal.throwIfAborted();
    // Not aborted itself: on its way to the server it would be done after all has been removed.
    await client.commit(operations);
  }
  return keys;
}

/** Removes what benchmarks have put there. */
export async function removeNamespace(client: ParamdClient, prefix: string): Promise<void> {
  const signal = new AbortController().signal;
  await deleteKeys(client, (await present(client, prefix, signal)).own, signal);
}

async function present(client: ParamdClient, prefix: string, signal: AbortSignal) {
  const found = { own: [] as string[], foreign: [] as string[] };
  for await (const page of client.list(prefix, { keysOnly: true, pageSize: 1000, linearizable: true, signal })) {
    for (const { key, labels } of page.parameters) (labels.has(OWN) ? found.own : found.foreign).push(key);
  }
  return found;
}

async function deleteKeys(client: ParamdClient, keys: readonly string[], signal: AbortSignal): Promise<void> {
  for (const part of inParts(keys, OPERATIONS_MAX)) {
    const operations = part.map((key) => ({ delete: key, allowMissing: true }));
    try {
      await client.commit(operations, { signal });
    } catch (error) {
      // Values of an earlier run may be too large for one Commit together.
      if (!(error instanceof ParamdRpcError) || error.reason !== 'LIMIT_EXCEEDED') throw error;
      for (const key of part) await client.delete(key, { allowMissing: true, signal });
    }
  }
}

function* inParts<T>(items: readonly T[], countMax: number): Generator<readonly T[]> {
  const count = Math.max(1, Math.min(countMax, OPERATIONS_MAX));
  for (let at = 0; at < items.length; at += count) yield items.slice(at, at + count);
}
