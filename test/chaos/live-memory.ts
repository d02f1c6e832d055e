import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '../e2e/eventually.ts';
import type { Demand } from './faults/judged.ts';
import type { Site, SiteReplica } from './site.ts';

const MIB = 1 << 20;
/** Of the newest changes and of compiled code there is more by and by. */
const GROWN_BYTES_MAX = 20 * MIB;
export const MEMORY_BACK = `memory without garbage back within ${GROWN_BYTES_MAX / MIB} MiB`;

/** Settings of the replicas. */
export const TELLS_MEMORY = {
  NODE_OPTIONS: `--import=${pathToFileURL(resolve('test/chaos/collected-memory.js')).href}`,
};

/** What is left of its memory without garbage. What the process holds of the machine's says little: V8 gives it back late. */
async function liveBytes({ pid, log }: SiteReplica): Promise<number> {
  const told = () => log.filter(({ msg }) => msg === 'garbage collected');
  const before = told().length;
  process.kill(pid, 'SIGUSR2');
  await eventually(() => told().length > before);
  return Number(told().at(-1)!.bytes);
}

/** @returns what demands, later, that the replicas' memory is back */
export async function memoryBack({ note }: Site, replicas: readonly SiteReplica[], demand: Demand) {
  const before = await Promise.all(replicas.map(liveBytes));
  return async (): Promise<void> => {
    const after = await Promise.all(replicas.map(liveBytes));
    replicas.forEach(({ name }, at) => {
      const grown = after[at]! - before[at]!;
      note('memory without garbage, more than before', grown, 'bytes');
      demand(grown <= GROWN_BYTES_MAX, `${name} holds ${(grown / MIB).toFixed(0)} MiB more than before`);
    });
  };
}
