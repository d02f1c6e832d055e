import type { Comparison } from '../compare/comparison.ts';
import { fill, warm } from '../compare/world.ts';
import type { CallsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ratioOf } from './ratio-of.ts';

const KEYS = { prefix: 'bench:', count: 10_000 };
const IN_FLIGHT = 128;

/** Where there is no third core, the second replica has to share its own with the load. */
export const two: Comparison = {
  name: 'two',
  title: 'GetParameter of keys in the near cache: two replicas on two cores, and one',
  goals: [{ ...ratioOf('calls per second against one', 'perSecond', 'two', ['one']), atLeast: 1.7 }],
  columns: CALL_COLUMNS,
  async open(world) {
    const one = await world.replica();
    const other = await world.replica({}, { core: world.secondCore });
    await fill(one, KEYS, world.signal);
    for (const replica of [one, other]) await warm(replica, KEYS);
    const load = (targets: readonly string[]): CallsOrder => ({
      ...{ kind: 'calls', dialect: 'paramd', operation: 'read', connections: 8, keys: KEYS, batch: 1 },
      targets,
    });
    const run = (seconds: number) => ({ kind: 'closed', inFlight: IN_FLIGHT, seconds }) as const;
    const hits = { tier: 'near cache' };
    return [
      await world.series('one', load([one.target]), run, hits),
      await world.series('two', load([one.target, other.target]), run, hits),
    ];
  },
};
