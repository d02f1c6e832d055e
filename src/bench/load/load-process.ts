// One load in a process of its own. Told what to be by its first message, says when it is ready, then answers each run
// with a round, and ends when its parent has gone.
import type { Load } from './load.ts';
import type { LoadAnswer, LoadOrder, Run } from './load-order.ts';
import { openLoad } from './open-load.ts';
import { runLoop } from './run-loop.ts';

process.once('message', async (order: LoadOrder) => {
  try {
    const load = await openLoad(order);
    process.on('message', answering(load));
    process.once('disconnect', () => void Promise.resolve(load.close()).finally(() => process.exit(0)));
    tell({ kind: 'ready' });
  } catch (error) {
    tell({ kind: 'failed', why: (error as Error).message });
  }
});
process.once('disconnect', () => setTimeout(() => process.exit(0), 1000).unref());
// Ctrl-C reaches every process of the terminal; the parent decides when this one ends.
process.on('SIGINT', () => {});

function answering(load: Load): (run: Run) => void {
  let begun = 0;
  return async (run) => {
    try {
      const round = await runLoop(load, run, begun);
      begun += round.calls;
      tell({ kind: 'round', round });
    } catch (error) {
      tell({ kind: 'failed', why: (error as Error).message });
    }
  };
}

function tell(answer: LoadAnswer): void {
  process.send?.(answer);
}
