import type { StoreUpkeep } from '../ports/store.ts';
import type { FleetJob } from './job.ts';

/** Makes partitions of the log before they are needed, every ten minutes. */
export function partitions(upkeep: StoreUpkeep): FleetJob {
  return { scope: 'fleet', name: 'partitions', cron: '*/10 * * * *', run: async () => upkeep.extend() };
}
