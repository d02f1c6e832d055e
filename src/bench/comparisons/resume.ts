import type { BenchServer } from '../bench-server.ts';
import { longLog } from '../compare/bulk-contents.ts';
import type { Comparison, Series } from '../compare/comparison.ts';
import { etcdLog } from '../compare/etcd-server.ts';
import type { ResumeOrder } from '../load/load-order.ts';
import { CALL_COLUMNS, mebibytes } from './call-columns.ts';
import { ifThere } from './if-there.ts';

const REVISIONS = 1_000_000;
/** etcd pauses after every thousand: a million would take it minutes, every round. */
const BESIDE_ETCD_MAX = 100_000;
const KEYS = { prefix: 'bench:', count: 10_000 };
/** As when a replica has gone, and its clients come to another one. */
const WATCHES = 8;
const TOGETHER = `paramd, ${WATCHES} watches`;
/** Of the server, while it reads the log for the watch. */
const MEMORY_POLL_MS = 50;
/** For a replica: far less than a million events take. */
const GROWN_BYTES_MAX = 256 * 2 ** 20;

export const resume: Comparison = {
  name: 'resume',
  title: `A watch resumes ${REVISIONS.toLocaleString('en')} revisions back: events per second`,
  goals: [
    {
      title: 'events per second, one watch',
      of: { series: 'paramd', figure: 'perSecond' },
      atLeast: 200_000,
      unit: 'events/s',
    },
    {
      title: `events per second of the replica, ${WATCHES} watches at once`,
      of: { series: TOGETHER, figure: 'perSecond' },
      atLeast: 200_000,
      unit: 'events/s',
    },
    {
      title: 'memory of the replica beyond that of its start, at most',
      of: { series: TOGETHER, figure: 'grownMiB' },
      atMost: GROWN_BYTES_MAX / 2 ** 20,
      unit: 'MiB',
    },
  ],
  columns: [...CALL_COLUMNS.filter(({ figure }) => !/^p\d/.test(figure)), mebibytes('grownMiB', 'memory grown by')],
  async open(world) {
    const events = Math.ceil(REVISIONS * world.scale);
    const besideEtcd = Math.min(events, BESIDE_ETCD_MAX);
    const first = await longLog(world, events);
    const replica = await world.replica({ PARAMD_JOBS: 'off' });
    const etcd = await world.etcd({ ...KEYS, count: 1 });
    const resuming = async (
      name: string,
      server: BenchServer,
      from: Pick<ResumeOrder, 'dialect' | 'fromRevision' | 'events'>,
      watches = 1,
    ) => {
      const order = { kind: 'resume', target: server.target, prefix: KEYS.prefix, ...from } as const;
      const once = () => ({ kind: 'burst', calls: watches }) as const;
      return withMemory(await world.series(name, order, once, { server }), server);
    };
    const part = `the last ${besideEtcd.toLocaleString('en')}`;
    const last = { dialect: 'paramd', fromRevision: first + events - besideEtcd, events: besideEtcd } as const;
    return [
      await resuming('paramd', replica, { dialect: 'paramd', fromRevision: first, events }),
      await resuming(TOGETHER, replica, { dialect: 'paramd', fromRevision: first, events }, WATCHES),
      ...(await ifThere(etcd, () => resuming(`paramd, ${part}`, replica, last))),
      ...(await ifThere(etcd, async (server) => {
        const fromRevision = await etcdLog(server.target, KEYS, besideEtcd, world.signal);
        return resuming(`etcd, ${part}`, server, { dialect: 'etcd', fromRevision, events: besideEtcd });
      })),
    ];
  },
};

/** By how much the server has grown, since now, when it had most. */
function withMemory(series: Series, server: BenchServer): Series {
  const residentMiB = () => (server.residentBytes() ?? Number.NaN) / 2 ** 20;
  const before = residentMiB();
  return {
    name: series.name,
    async round(seconds) {
      let most = residentMiB();
      const look = () => {
        most = Math.max(most, residentMiB());
      };
      const looking = setInterval(look, MEMORY_POLL_MS);
      try {
        const figures = await series.round(seconds);
        look();
        return { ...figures, grownMiB: most - before };
      } finally {
        clearInterval(looking);
      }
    },
  };
}
