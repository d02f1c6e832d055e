import { longLog } from '../compare/bulk-contents.ts';
import type { Comparison, Series } from '../compare/comparison.ts';
import { CALL_COLUMNS, mebibytes } from './call-columns.ts';

const REVISIONS = 1_000_000;
/** Of the replica, while it reads the log for the watch. */
const MEMORY_POLL_MS = 50;
const RESIDENT_BYTES_MAX = 256 * 2 ** 20;

export const resume: Comparison = {
  name: 'resume',
  title: `A watch resumes ${REVISIONS.toLocaleString('en')} revisions back: events per second`,
  goals: [
    {
      title: 'events per second',
      of: { series: 'paramd', figure: 'perSecond' },
      atLeast: 200_000,
      unit: 'events/s',
    },
    {
      title: 'what the replica holds of memory beyond the start, at most',
      of: { series: 'paramd', figure: 'grownMiB' },
      atMost: RESIDENT_BYTES_MAX / 2 ** 20,
      unit: 'MiB',
    },
  ],
  columns: [...CALL_COLUMNS.filter(({ figure }) => !/^p\d/.test(figure)), mebibytes('grownMiB', 'memory grown by')],
  rounds: 5,
  async open(world) {
    const events = Math.ceil(REVISIONS * world.scale);
    const fromRevision = await longLog(world, events);
    const replica = await world.replica({ PARAMD_JOBS: 'off' });
    const startBytes = replica.residentBytes() ?? Number.NaN;
    const order = { kind: 'resume', dialect: 'paramd', target: replica.target, prefix: 'bench:' } as const;
    const once = () => ({ kind: 'burst', calls: 1 }) as const;
    const load = await world.series('paramd', { ...order, fromRevision, events }, once, { server: replica });
    const watched: Series = {
      name: load.name,
      async round(seconds) {
        let mostBytes = startBytes;
        const look = () => {
          mostBytes = Math.max(mostBytes, replica.residentBytes() ?? Number.NaN);
        };
        const looking = setInterval(look, MEMORY_POLL_MS);
        try {
          const figures = await load.round(seconds);
          look();
          return { ...figures, grownMiB: (mostBytes - startBytes) / 2 ** 20 };
        } finally {
          clearInterval(looking);
        }
      },
    };
    return [watched];
  },
};
