import { parentPort } from 'node:worker_threads';
import type { Violation } from '../history/history.ts';
import { simulate } from './simulate.ts';

/** What the worker answers each seed with. */
export interface Simulated {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly operations: number;
}

parentPort?.on('message', async ({ seed, steps }: { readonly seed: number; readonly steps?: number }) => {
  const { violations, operations } = await simulate(seed, steps === undefined ? {} : { steps });
  parentPort?.postMessage({ seed, violations, operations } satisfies Simulated);
});
