import { loadConfig } from '../../config/load-config.ts';
import type { Comparison, Series } from '../compare/comparison.ts';
import { measureHeldBytes } from '../held-memory/measure-held-bytes.ts';
import { mebibytes, whole } from './call-columns.ts';

/** As parameters are encoded, of about this size. */
const VALUE_BYTES = [10, 100, 1 << 10, 10 << 10, 100 << 10];
/** More than the bound of bytes has room for. */
const ENTRIES_MAX = 1_000_000;
const TURNOVER = 3;
const MEBIBYTE = 2 ** 20;

/** The near cache alone, with the settings of a replica, in a process that does nothing else. */
export const memory: Comparison = {
  name: 'memory',
  title: 'What the near cache takes of the memory of its process, filled to its bound with values of one size',
  goals: VALUE_BYTES.map((bytes) => ({
    title: `taken against the bound, ${nameOf(bytes)}`,
    of: { series: nameOf(bytes), figure: 'takenMiB' },
    against: [{ series: nameOf(bytes), figure: 'boundMiB' }],
    atLeast: 0.9,
    atMost: 1.1,
  })),
  columns: [
    { figure: 'entries', heading: 'entries', text: whole },
    mebibytes('boundMiB', 'bound'),
    mebibytes('countedMiB', 'counted'),
    mebibytes('takenMiB', 'taken'),
    mebibytes('turnedOverMiB', `after ${TURNOVER} times as many went through`),
  ],
  async open({ servers }) {
    const env = { DATABASE_URL: servers.postgres.url };
    const { nearCachePolicy: policy, nearCacheBytes: bytesMax } = loadConfig(env, { embeddedAllowed: false });
    return VALUE_BYTES.map((valueBytes): Series => {
      const filling = { policy, valueBytes, entries: ENTRIES_MAX, bytesMax, turnover: TURNOVER };
      return {
        name: nameOf(valueBytes),
        async round() {
          const { entries, counted, taken, takenAfterTurnover } = await measureHeldBytes(filling);
          return {
            entries,
            boundMiB: bytesMax / MEBIBYTE,
            countedMiB: counted / MEBIBYTE,
            takenMiB: taken / MEBIBYTE,
            turnedOverMiB: takenAfterTurnover / MEBIBYTE,
          };
        },
      };
    });
  },
};

function nameOf(bytes: number): string {
  return `${bytes.toLocaleString('en')} bytes`;
}
