import type { BenchServer } from '../bench-server.ts';
import type { Comparison } from '../compare/comparison.ts';
import { fill } from '../compare/world.ts';
import { keyAt } from '../load/keys.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ifThere } from './if-there.ts';
import { ratioOf } from './ratio-of.ts';

const KEYS = { prefix: 'bench:', count: 10_000 };
const IN_FLIGHT = 128;
const LOAD = { kind: 'calls', operation: 'write', connections: 8, keys: KEYS, batch: 1 } as const;
/** More of them share an fsync. */
const CONNECTIONS = 32;

export const set: Comparison = {
  name: 'set',
  title: `SetParameter of distinct keys, durable, ${IN_FLIGHT} in flight`,
  goals: [{ ...ratioOf('writes per second against etcd Put', 'perSecond', 'paramd', ['etcd']), atLeast: 1 }],
  columns: CALL_COLUMNS,
  async open(world) {
    const replica = await world.replica();
    await fill(replica, KEYS, world.signal);
    const etcd = await world.etcd(KEYS);
    const floor = await world.floor(replica, keyAt(KEYS, 0));
    const run = (seconds: number) => ({ kind: 'closed', inFlight: IN_FLIGHT, seconds }) as const;
    const paramd = ({ target }: BenchServer) => ({ ...LOAD, dialect: 'paramd', targets: [target] }) as const;
    const { url } = world.servers.postgres;
    return [
      await world.series('paramd', paramd(replica), run, { server: replica }),
      ...(await ifThere(etcd, (server) =>
        world.series('etcd', { ...LOAD, dialect: 'etcd', targets: [server.target] }, run, { server }),
      )),
      await world.series(
        'pg upsert',
        { kind: 'postgres', operation: 'upsert', url, connections: CONNECTIONS, keys: KEYS },
        run,
      ),
      await world.series('floor', paramd(floor), run, { server: floor }),
    ];
  },
};
