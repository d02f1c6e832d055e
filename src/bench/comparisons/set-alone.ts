import type { BenchServer } from '../bench-server.ts';
import type { Comparison } from '../compare/comparison.ts';
import { fill } from '../compare/world.ts';
import { keyAt } from '../load/keys.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ifThere } from './if-there.ts';
import { ratioOf } from './ratio-of.ts';

const KEYS = { prefix: 'bench:', count: 10_000 };
const LOAD = { kind: 'calls', operation: 'write', connections: 1, keys: KEYS, batch: 1 } as const;

export const setAlone: Comparison = {
  name: 'set-alone',
  title: 'SetParameter, durable, one in flight',
  goals: [{ ...ratioOf('p50 against a bare single-row commit', 'p50Ms', 'paramd', ['pg upsert']), atMost: 1.5 }],
  columns: CALL_COLUMNS,
  async open(world) {
    const replica = await world.replica();
    await fill(replica, KEYS, world.signal);
    const etcd = await world.etcd(KEYS);
    const floor = await world.floor(replica, keyAt(KEYS, 0));
    const run = (seconds: number) => ({ kind: 'closed', inFlight: 1, seconds }) as const;
    const paramd = ({ target }: BenchServer) => ({ ...LOAD, dialect: 'paramd', targets: [target] }) as const;
    const { url } = world.servers.postgres;
    return [
      await world.series('paramd', paramd(replica), run, { server: replica }),
      await world.series('pg upsert', { kind: 'postgres', operation: 'upsert', url, connections: 1, keys: KEYS }, run),
      ...(await ifThere(etcd, (server) =>
        world.series('etcd', { ...LOAD, dialect: 'etcd', targets: [server.target] }, run, { server }),
      )),
      await world.series('floor', paramd(floor), run, { server: floor }),
    ];
  },
};
