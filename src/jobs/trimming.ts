import type { StoreUpkeep } from '../ports/store.ts';
import type { FleetJob } from './job.ts';

/** Forgets old request ids and batches, every hour. */
export function trimming(upkeep: StoreUpkeep): FleetJob {
  return { scope: 'fleet', name: 'trimming', cron: '37 * * * *', run: async () => upkeep.trim() };
}
