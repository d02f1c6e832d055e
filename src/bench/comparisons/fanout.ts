import type { BenchServer } from '../bench-server.ts';
import type { Comparison, Series } from '../compare/comparison.ts';
import { CALL_COLUMNS } from './call-columns.ts';
import { ifThere } from './if-there.ts';
import { ratioOf } from './ratio-of.ts';

const KEYS = { prefix: 'bench:', count: 1000 };
const WATCHERS = 1000;
const IN_FLIGHT = 32;
/** As many watches of one connection as paramd takes by default. */
const WATCHES_PER_CONNECTION = 100;

export const fanout: Comparison = {
  name: 'fanout',
  title: `Events to ${WATCHERS.toLocaleString('en')} watchers of one prefix, ${IN_FLIGHT} writes in flight, each until every watcher has its event: events per second`,
  goals: [
    { ...ratioOf('events per second against etcd', 'perSecond', 'paramd', ['etcd']), atLeast: 1 },
    {
      title: 'encodes of an event, which goes to all watchers',
      of: { series: 'paramd', figure: 'encodesEach' },
      atMost: 1,
      unit: 'encode',
    },
  ],
  columns: [
    ...CALL_COLUMNS,
    { figure: 'encodesEach', heading: 'encodes of an event', text: (encodes) => encodes.toFixed(2) },
  ],
  async open(world) {
    const watchers = Math.ceil(WATCHERS * Math.min(1, world.scale));
    const watchConnections = Math.ceil(watchers / WATCHES_PER_CONNECTION);
    const load = { kind: 'events', watchers, keys: KEYS, watchConnections } as const;
    const replica = await world.replica();
    const etcd = await world.etcd({ ...KEYS, count: 1 });
    const run = (seconds: number) => ({ kind: 'closed', inFlight: IN_FLIGHT, seconds }) as const;
    const at = (target: string) => ({ writeTo: target, watchAt: target });
    const paramd = await world.series('paramd', { ...load, dialect: 'paramd', ...at(replica.target) }, run, {
      server: replica,
    });
    return [
      withEncodes(paramd, replica),
      ...(await ifThere(etcd, (server) =>
        world.series('etcd', { ...load, dialect: 'etcd', ...at(server.target) }, run, { server }),
      )),
    ];
  },
};

/** Every call is one event of the log. */
function withEncodes(series: Series, replica: BenchServer): Series {
  const encodes = () => replica.metric('paramd_watch_encodes_total');
  return {
    name: series.name,
    async round(seconds) {
      const before = await encodes();
      const figures = await series.round(seconds);
      return { ...figures, encodesEach: ((await encodes()) - before) / figures.calls! };
    },
  };
}
