import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import type { Calls } from '../metrics.ts';

/** What the figures of all others are to be seen against; and nothing may fail where nothing is broken. */
export const nothing: Fault = {
  name: 'nothing',
  group: 'nothing',
  inject: (_site, scale) => sleep(scale.ms(20_000, 2000)),
  demand: ({ metrics: { fault, healed } }) =>
    [fault.reads, fault.writes, healed.reads, healed.writes]
      .filter(incomplete)
      .map(
        ({ count, succeeded, failures }) =>
          `${count - succeeded} of ${count} calls failed: ${JSON.stringify(failures)}`,
      ),
};

function incomplete({ count, succeeded }: Calls): boolean {
  return succeeded < count;
}
