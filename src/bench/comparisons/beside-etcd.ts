import type { Comparison } from '../compare/comparison.ts';
import { fill, warm } from '../compare/world.ts';
import type { CallsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ifThere } from './if-there.ts';

interface Course {
  readonly name: string;
  readonly title: string;
  readonly operation: CallsOrder['operation'];
  readonly inFlight: number;
  readonly batch: number;
}

const KEYS = { prefix: 'bench:', count: 10_000 };

/** The same operation of paramd and etcd, on 8 connections, with all keys in the near cache at first. */
export function besideEtcd({ name, title, operation, inFlight, batch }: Course): Comparison {
  return {
    name,
    title,
    goals: [],
    columns: CALL_COLUMNS,
    async open(world) {
      const replica = await world.replica();
      await fill(replica, KEYS, world.signal);
      await warm(replica, KEYS);
      const etcd = await world.etcd(KEYS);
      const run = (seconds: number) => ({ kind: 'closed', inFlight, seconds }) as const;
      const load = { kind: 'calls', operation, connections: 8, keys: KEYS, batch } as const;
      return [
        await world.series('paramd', { ...load, dialect: 'paramd', targets: [replica.target] }, run, {
          server: replica,
        }),
        ...(await ifThere(etcd, (server) =>
          world.series('etcd', { ...load, dialect: 'etcd', targets: [server.target] }, run, { server }),
        )),
      ];
    },
  };
}
