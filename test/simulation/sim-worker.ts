import { parentPort } from 'node:worker_threads';
import type { Violation } from '../history/history.ts';
import { type SimulationCounts, simulate } from './simulate.ts';

/** What the worker answers each seed with. */
export interface Simulated {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly operations: number;
  readonly counts: SimulationCounts;
}

parentPort?.on('message', async ({ seed, steps }: { readonly seed: number; readonly steps?: number }) => {
  const { violations, operations, counts } = await simulate(seed, steps === undefined ? {} : { steps });
  parentPort?.postMessage({ seed, violations, operations, counts } satisfies Simulated);
});
