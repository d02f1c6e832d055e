import { databaseOf } from '../compare/bulk-contents.ts';
import type { Comparison, Series } from '../compare/comparison.ts';
import { type World, warm } from '../compare/world.ts';
import type { CallsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS, mebibytes } from './call-columns.ts';
import { ratioOf } from './ratio-of.ts';

const FEW = 10_000;
const MANY = 10_000_000;
const PAGE = 100;

export const size: Comparison = {
  name: 'size',
  title: `${MANY.toLocaleString('en')} parameters (many), a tenth of these (some), and ${FEW.toLocaleString('en')} (few); the same ${FEW.toLocaleString('en')} are read, 16 in flight`,
  goals: [
    {
      title: 'time of a get, many against few',
      of: { series: 'get of many', figure: 'msEach' },
      against: [{ series: 'get of few', figure: 'msEach' }],
      atMost: 1.1,
    },
    {
      title: 'time of the first list page, many against few',
      of: { series: 'list of many', figure: 'msEach' },
      against: [{ series: 'list of few', figure: 'msEach' }],
      atMost: 1.2,
    },
    { title: 'start with many', of: { series: 'start with many', figure: 'startMs' }, atMost: 3000, unit: 'ms' },
    {
      ...ratioOf('memory after the start, many against few', 'residentMiB', 'start with many', ['start with few']),
      atMost: 1.1,
    },
  ],
  columns: [
    ...CALL_COLUMNS,
    { figure: 'startMs', heading: 'start', text: (ms) => `${Math.round(ms)} ms` },
    mebibytes('residentMiB', 'memory'),
  ],
  async open(world) {
    const many = Math.ceil(MANY * world.scale);
    return [
      ...(await seriesOf(world, 'few', FEW)),
      ...(await seriesOf(world, 'some', Math.max(FEW, Math.ceil(many / 10)))),
      ...(await seriesOf(world, 'many', Math.max(FEW, many))),
    ];
  },
};

async function seriesOf(world: World, label: string, count: number): Promise<Series[]> {
  const env = await databaseOf(world, `bench_${label}`, count);
  const replica = await world.replica(env);
  const keys = { prefix: 'bench:', count: FEW };
  await warm(replica, keys);
  const load = (operation: CallsOrder['operation']): CallsOrder => ({
    ...{ kind: 'calls', dialect: 'paramd', operation, connections: 8, keys, batch: PAGE },
    targets: [replica.target],
  });
  const run = (seconds: number) => ({ kind: 'closed', inFlight: 16, seconds }) as const;
  const calls = [
    await world.series(`get of ${label}`, load('read'), run, { server: replica, tier: 'near cache' }),
    await world.series(`list of ${label}`, load('list'), run, { server: replica }),
  ];
  return [...calls.map((series) => withTimeEach(series, count)), starts(world, label, env, count)];
}

function withTimeEach(series: Series, parameters: number): Series {
  return {
    name: series.name,
    round: async (seconds) => {
      const figures = await series.round(seconds);
      return { ...figures, msEach: 1000 / figures.perSecond!, parameters };
    },
  };
}

/** From the start of the process until it serves. */
function starts(world: World, label: string, env: Readonly<Record<string, string>>, parameters: number): Series {
  return {
    name: `start with ${label}`,
    async round() {
      const beganMs = performance.now();
      const replica = await world.replica(env);
      const startMs = performance.now() - beganMs;
      const residentMiB = (replica.residentBytes() ?? Number.NaN) / 2 ** 20;
      await replica.stop();
      return { startMs, residentMiB, parameters };
    },
  };
}
