import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchServer } from '../bench-server.ts';
import type { Comparison, Series } from '../compare/comparison.ts';

const WATCHERS = 10_000;
/** As many as paramd takes by default. */
const WATCHES_PER_CONNECTION = 100;

export const watchers: Comparison = {
  name: 'watchers',
  title: `${WATCHERS.toLocaleString('en')} watchers that are told nothing, ${WATCHES_PER_CONNECTION} on each connection`,
  goals: [
    { title: 'memory of each', of: { series: 'watched', figure: 'kilobytesEach' }, atMost: 25, unit: 'KB' },
    {
      title: 'share of a core in use, beyond that of a replica without them',
      of: { series: 'watched', figure: 'cpuBeyond' },
      atMost: 0.01,
      unit: 'of a core',
    },
  ],
  columns: [
    { figure: 'kilobytesEach', heading: 'memory each', text: (kilobytes) => `${kilobytes.toFixed(1)} KB` },
    { figure: 'cpuShare', heading: 'share of a core', text: (share) => `${(share * 100).toFixed(2)} %` },
  ],
  async open(world) {
    const count = Math.ceil(WATCHERS * world.scale);
    const replica = await world.replica();
    // A replica polls its store more often as soon as one watch is there.
    const other = await world.replica();
    const order = { kind: 'watchers', dialect: 'paramd', prefix: 'bench:' } as const;
    const check = () => ({ kind: 'burst', calls: 1 }) as const;
    const one = { target: other.target, watchers: 1, connections: 1 };
    const load = await world.series('one watcher', { ...order, ...one }, check);
    const beforeBytes = replica.residentBytes() ?? Number.NaN;
    const connections = Math.ceil(count / WATCHES_PER_CONNECTION);
    const all = await world.series(
      'watched',
      { ...order, target: replica.target, watchers: count, connections },
      check,
    );
    let cpuOfOne = 0;
    return [
      idle(load, other, (cpuShare) => {
        cpuOfOne = cpuShare;
        return {};
      }),
      idle(all, replica, (cpuShare) => ({
        cpuBeyond: Math.max(0, cpuShare - cpuOfOne),
        kilobytesEach: ((replica.residentBytes() ?? Number.NaN) - beforeBytes) / 1000 / count,
      })),
    ];
  },
};

/** Nothing happens but time; then all watches must still be there. */
function idle(load: Series, server: BenchServer, more: (cpuShare: number) => Record<string, number>): Series {
  return {
    name: load.name,
    async round(seconds) {
      const [cpuMs, beganMs] = [server.cpuMs() ?? Number.NaN, performance.now()];
      await sleep(seconds * 1000);
      const cpuShare = ((server.cpuMs() ?? Number.NaN) - cpuMs) / (performance.now() - beganMs);
      await load.round(seconds);
      return { cpuShare, ...more(cpuShare) };
    },
  };
}
