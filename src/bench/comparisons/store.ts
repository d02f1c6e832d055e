import type { Comparison } from '../compare/comparison.ts';
import { fill } from '../compare/world.ts';
import { keyAt } from '../load/keys.ts';
import type { CallsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ratioOf } from './ratio-of.ts';

const KEYS = { prefix: 'bench:', count: 10_000 };
/** Nothing but the store has what was read before. */
const NO_CACHES = { PARAMD_NEAR_CACHE_ENTRIES: '1', VALKEY_URL: '' };

export const store: Comparison = {
  name: 'store',
  title: 'GetParameter of a key in no cache, one in flight',
  goals: [
    { ...ratioOf('p50 against floor + bare prepared SELECT', 'p50Ms', 'paramd', ['floor', 'pg SELECT']), atMost: 1.5 },
  ],
  columns: CALL_COLUMNS,
  async open(world) {
    const replica = await world.replica(NO_CACHES);
    await fill(replica, KEYS, world.signal);
    const floor = await world.floor(replica, keyAt(KEYS, 0));
    const run = (seconds: number) => ({ kind: 'closed', inFlight: 1, seconds }) as const;
    const paramd: CallsOrder = {
      ...{ kind: 'calls', dialect: 'paramd', operation: 'read', connections: 1, keys: KEYS, batch: 1 },
      targets: [replica.target],
    };
    const { url } = world.servers.postgres;
    return [
      await world.series('paramd', paramd, run, { server: replica, tier: 'store' }),
      await world.series('floor', { ...paramd, targets: [floor.target] }, run, { server: floor, repeats: true }),
      await world.series('pg SELECT', { kind: 'postgres', operation: 'select', url, connections: 1, keys: KEYS }, run),
    ];
  },
};
