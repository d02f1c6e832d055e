import type { Comparison } from '../compare/comparison.ts';
import { fill, warm } from '../compare/world.ts';
import type { CallsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ifThere } from './if-there.ts';
import { ratioOf } from './ratio-of.ts';

const KEYS = { prefix: 'bench:', count: 10_000 };
const BATCH = 100;
const SINGLE_IN_FLIGHT = 128;
const BATCHES_IN_FLIGHT = 16;

export const batch: Comparison = {
  name: 'batch',
  title: `Keys read from the near cache: BatchGetParameters of ${BATCH}, ${BATCHES_IN_FLIGHT} in flight, and GetParameter, ${SINGLE_IN_FLIGHT} in flight`,
  goals: [
    { ...ratioOf('keys per second against single gets', 'perSecond', 'paramd batch', ['paramd get']), atLeast: 10 },
  ],
  columns: CALL_COLUMNS,
  async open(world) {
    const replica = await world.replica();
    await fill(replica, KEYS, world.signal);
    await warm(replica, KEYS);
    const etcd = await world.etcd(KEYS);
    const load = (operation: CallsOrder['operation'], dialect: CallsOrder['dialect'], target: string): CallsOrder => ({
      ...{ kind: 'calls', connections: 8, keys: KEYS, batch: BATCH },
      ...{ operation, dialect, targets: [target] },
    });
    const closed = (inFlight: number) => (seconds: number) => ({ kind: 'closed', inFlight, seconds }) as const;
    const hits = { server: replica, tier: 'near cache' };
    const ofParamd = (operation: CallsOrder['operation']) => load(operation, 'paramd', replica.target);
    return [
      await world.series('paramd batch', ofParamd('readMany'), closed(BATCHES_IN_FLIGHT), hits),
      await world.series('paramd get', ofParamd('read'), closed(SINGLE_IN_FLIGHT), hits),
      ...(await ifThere(etcd, (server) =>
        world.series('etcd Txn', load('readMany', 'etcd', server.target), closed(BATCHES_IN_FLIGHT), {
          server: etcd,
        }),
      )),
    ];
  },
};
