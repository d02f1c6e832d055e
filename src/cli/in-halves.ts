import { ParamdRpcError } from '../client/index.ts';

/** Operations of one Commit. */
export const OPERATIONS_MAX = 300;

/** Does all together, or, where that is too large for one message, in halves, one after the other. */
export async function inHalves<T, R>(
  items: readonly T[],
  together: (items: readonly T[]) => Promise<R>,
): Promise<readonly R[]> {
  if (items.length === 0) return [];
  try {
    return [await together(items)];
  } catch (error) {
    const tooLarge = error instanceof ParamdRpcError && error.reason === 'LIMIT_EXCEEDED';
    if (!tooLarge || items.length === 1) throw error;
    const half = Math.ceil(items.length / 2);
    const first = await inHalves(items.slice(0, half), together);
    return [...first, ...(await inHalves(items.slice(half), together))];
  }
}

/** In parts of at most so many. */
export function* inParts<T>(items: readonly T[], countMax: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += countMax) yield items.slice(at, at + countMax);
}
