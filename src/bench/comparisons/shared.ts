import type { Comparison } from '../compare/comparison.ts';
import { ChecksFailed } from '../compare/load-series.ts';
import { fill, warm } from '../compare/world.ts';
import { keyAt } from '../load/keys.ts';
import type { CallsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ratioOf } from './ratio-of.ts';

const KEYS = { prefix: 'bench:', count: 10_000 };
/** About as large as an entry of a parameter of 100 characters. */
const ENTRY_BYTES = 300;

export const shared: Comparison = {
  name: 'shared',
  title: 'GetParameter of a key in the shared cache, one in flight',
  goals: [
    { ...ratioOf('p50 against floor + bare Valkey GET', 'p50Ms', 'paramd', ['floor', 'valkey GET']), atMost: 1.5 },
  ],
  columns: CALL_COLUMNS,
  async open(world) {
    const { valkey } = world.servers;
    if (valkey === undefined) throw new ChecksFailed('there is no Valkey here');
    // Nothing that was read before is still in the near cache.
    const replica = await world.replica({ PARAMD_NEAR_CACHE_ENTRIES: '1' });
    await fill(replica, KEYS, world.signal);
    await warm(replica, KEYS);
    const floor = await world.floor(replica, keyAt(KEYS, 0));
    const run = (seconds: number) => ({ kind: 'closed', inFlight: 1, seconds }) as const;
    const paramd: CallsOrder = {
      ...{ kind: 'calls', dialect: 'paramd', operation: 'read', connections: 1, keys: KEYS, batch: 1 },
      targets: [replica.target],
    };
    return [
      await world.series('paramd', paramd, run, { server: replica, tier: 'shared cache' }),
      await world.series('floor', { ...paramd, targets: [floor.target] }, run, { server: floor, repeats: true }),
      await world.series('valkey GET', { kind: 'valkey', url: valkey.url, keys: KEYS, bytes: ENTRY_BYTES }, run),
    ];
  },
};
