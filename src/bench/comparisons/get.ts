import type { Comparison } from '../compare/comparison.ts';
import { fill, warm } from '../compare/world.ts';
import { keyAt } from '../load/keys.ts';
import type { CallsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ifThere } from './if-there.ts';

const KEYS = { prefix: 'bench:', count: 10_000 };
const IN_FLIGHT = 128;
const LOAD = { kind: 'calls', operation: 'read', connections: 8, keys: KEYS, batch: 1 } as const;

export const get: Comparison = {
  name: 'get',
  title: `GetParameter of a key in the near cache, ${IN_FLIGHT} in flight on ${LOAD.connections} connections`,
  goals: [
    {
      title: 'calls per second against etcd, serializable Range',
      of: { series: 'paramd', figure: 'perSecond' },
      against: [{ series: 'etcd', figure: 'perSecond' }],
      atLeast: 1,
    },
    {
      title: 'calls per second against the floor',
      of: { series: 'paramd', figure: 'perSecond' },
      against: [{ series: 'floor', figure: 'perSecond' }],
      atLeast: 0.9,
    },
  ],
  columns: CALL_COLUMNS,
  async open(world) {
    const replica = await world.replica();
    await fill(replica, KEYS, world.signal);
    await warm(replica, KEYS);
    const floor = await world.floor(replica, keyAt(KEYS, 0));
    const etcd = await world.etcd(KEYS);
    const paramd: CallsOrder = { ...LOAD, dialect: 'paramd', targets: [replica.target] };
    const series = async (suffix: string, inFlight: number) => {
      const run = (seconds: number) => ({ kind: 'closed', inFlight, seconds }) as const;
      return [
        await world.series(`paramd${suffix}`, paramd, run, { server: replica, tier: 'near cache' }),
        ...(await ifThere(etcd, (server) =>
          world.series(`etcd${suffix}`, { ...LOAD, dialect: 'etcd', targets: [server.target] }, run, { server }),
        )),
        await world.series(`floor${suffix}`, { ...paramd, targets: [floor.target] }, run, {
          server: floor,
          repeats: true,
        }),
      ];
    };
    return [...(await series('', IN_FLIGHT)), ...(await series(', one in flight', 1))];
  },
};
