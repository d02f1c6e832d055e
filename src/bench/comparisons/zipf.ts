import type { Comparison } from '../compare/comparison.ts';
import { fill, warm } from '../compare/world.ts';
import type { CallsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS } from './call-columns.ts';

const KEYS = { prefix: 'bench:', count: 20_000, zipf: 1 };
const IN_FLIGHT = 128;

export const zipf: Comparison = {
  name: 'zipf',
  title: `GetParameter of ${KEYS.count.toLocaleString('en')} keys, asked for by zipf ${KEYS.zipf}, with room for a tenth in the near cache, ${IN_FLIGHT} in flight`,
  goals: [],
  columns: CALL_COLUMNS,
  async open(world) {
    const replica = await world.replica({ PARAMD_NEAR_CACHE_ENTRIES: String(KEYS.count / 10) });
    await fill(replica, KEYS, world.signal);
    await warm(replica, KEYS);
    const load: CallsOrder = {
      ...{ kind: 'calls', dialect: 'paramd', operation: 'read', connections: 8, keys: KEYS, batch: 1 },
      targets: [replica.target],
    };
    const run = (seconds: number) => ({ kind: 'closed', inFlight: IN_FLIGHT, seconds }) as const;
    return [await world.series('paramd', load, run, { server: replica })];
  },
};
