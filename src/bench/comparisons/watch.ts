import type { Comparison } from '../compare/comparison.ts';
import type { EventsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ifThere } from './if-there.ts';
import { ratioOf } from './ratio-of.ts';

const KEYS = { prefix: 'bench:', count: 1000 };
const PER_SECOND = 200;
const LOAD = { kind: 'events', watchers: 1, watchConnections: 1, keys: KEYS } as const;

/** An etcd of one member has no way from one to another: its event comes from where the put went. */
export const watch: Comparison = {
  name: 'watch',
  title: `From a write to its event on another replica (of etcd: on the same member), ${PER_SECOND} writes per second, each counted from its intended start`,
  goals: [
    { title: 'p50', of: { series: 'paramd', figure: 'p50Ms' }, atMost: 3, unit: 'ms' },
    { ...ratioOf('p99 against etcd', 'p99Ms', 'paramd', ['etcd']), atMost: 1 },
  ],
  columns: CALL_COLUMNS,
  keepsLatencies: true,
  async open(world) {
    const [one, other] = [await world.replica(), await world.replica()];
    const etcd = await world.etcd({ ...KEYS, count: 1 });
    const run = (seconds: number) => ({ kind: 'open', perSecond: PER_SECOND, seconds }) as const;
    const paramd: EventsOrder = { ...LOAD, dialect: 'paramd', writeTo: one.target, watchAt: other.target };
    return [
      await world.series('paramd', paramd, run),
      ...(await ifThere(etcd, (server) =>
        world.series('etcd', { ...LOAD, dialect: 'etcd', writeTo: server.target, watchAt: server.target }, run),
      )),
    ];
  },
};
