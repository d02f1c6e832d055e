import { type Load, ONE } from './load.ts';
import type { WatchersOrder } from './load-order.ts';
import { openWatches } from './open-watches.ts';

/** Watches that are told nothing. A call finds out whether all of them are still there. */
export async function openWatchers(order: WatchersOrder): Promise<Load> {
  let failure: Error | undefined;
  const failed = (error: Error) => {
    failure ??= error;
  };
  const watches = await openWatches({ ...order, keys: order }, { event: () => {}, failed });
  return {
    call: async () => {
      if (failure !== undefined) throw failure;
      return ONE;
    },
    close: watches.close,
  };
}
