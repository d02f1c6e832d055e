import type { Comparison, Series } from '../compare/comparison.ts';
import { fill, warm } from '../compare/world.ts';
import { keyAt } from '../load/keys.ts';
import type { CallsOrder } from '../load/load-order.ts';
import { CALL_COLUMNS } from './call-columns.ts';

const KEYS = { prefix: 'bench:', count: 10_000 };
/** Of what it can do, each by its own measure. */
const SHARES = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9];
const PROBE_SECONDS = 1;

export const rising: Comparison = {
  name: 'rising',
  title:
    'Latency of GetParameter, near cache, under rising load: calls begin at their time, whatever became of those before',
  goals: [],
  columns: CALL_COLUMNS,
  async open(world) {
    const replica = await world.replica();
    await fill(replica, KEYS, world.signal);
    await warm(replica, KEYS);
    const floor = await world.floor(replica, keyAt(KEYS, 0));
    const series: Series[] = [];
    for (const [name, { target }] of [
      ['paramd', replica],
      ['floor', floor],
    ] as const) {
      const order: CallsOrder = {
        ...{ kind: 'calls', dialect: 'paramd', operation: 'read', connections: 8, keys: KEYS, batch: 1 },
        targets: [target],
      };
      const closed = (seconds: number) => ({ kind: 'closed', inFlight: 128, seconds }) as const;
      const probe = await world.series(name, order, closed);
      await probe.round(PROBE_SECONDS);
      const { perSecond: most } = await probe.round(PROBE_SECONDS);
      for (const share of SHARES) {
        const perSecond = Math.round(most! * share);
        const run = (seconds: number) => ({ kind: 'open', perSecond, seconds }) as const;
        series.push(await world.series(`${name} at ${share * 100} %`, order, run, { repeats: name === 'floor' }));
      }
    }
    return series;
  },
};
