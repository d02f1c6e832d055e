import type { ParamdClient } from '../../client/index.ts';
import type { Comparison, Series } from '../compare/comparison.ts';
import { keyAt } from '../load/keys.ts';
import { CALL_COLUMNS, whole } from './call-columns.ts';

const CALLERS = 10_000;
const CONNECTIONS = 20;
const KEYS = { prefix: 'bench:cold:', count: 1_000_000, repeat: CALLERS };

/** Every round has a key of its own, which the replica that is asked has never heard of. */
export const stampede: Comparison = {
  name: 'stampede',
  title: `${CALLERS.toLocaleString('en')} callers at once, one cold key`,
  goals: [{ title: 'loads', of: { series: 'paramd', figure: 'loads' }, atMost: 1, unit: 'load' }],
  columns: [
    { figure: 'loads', heading: 'loads from the store', text: whole },
    ...CALL_COLUMNS.filter(({ figure }) => figure !== 'loadCpu'),
    { figure: 'maxMs', heading: 'until all are answered', text: (ms) => `${Math.round(ms)} ms` },
  ],
  async open(world) {
    // Without Valkey: a write leaves its parameter there.
    const [one, other] = [await world.replica({ VALKEY_URL: '' }), await world.replica({ VALKEY_URL: '' })];
    const [writer, reader] = [world.client(one), world.client(other)];
    const load = await world.series(
      'paramd',
      {
        ...{ kind: 'calls', dialect: 'paramd', operation: 'read', connections: CONNECTIONS, keys: KEYS, batch: 1 },
        targets: [other.target],
      },
      () => ({ kind: 'burst', calls: CALLERS }),
      { server: other },
    );
    let rounds = 0;
    const cold: Series = {
      name: load.name,
      async round(seconds) {
        await writeOne(writer, reader, keyAt(KEYS, rounds));
        const loadsBefore = await loadsOf(reader);
        const figures = await load.round(seconds);
        rounds++;
        return { ...figures, loads: (await loadsOf(reader)) - loadsBefore };
      },
    };
    return [cold];
  },
};

/** And the other replica knows that there was a write, though not what. */
async function writeOne(writer: ParamdClient, reader: ParamdClient, key: string): Promise<void> {
  const { revision } = await writer.set(key, 'cold');
  await reader.get('bench:other', { atLeastRevision: revision }).catch(() => {});
}

async function loadsOf(reader: ParamdClient): Promise<number> {
  return Number((await reader.stats()).loads);
}
