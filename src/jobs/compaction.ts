import type { StoreUpkeep } from '../ports/store.ts';
import type { FleetJob } from './job.ts';

/** Drops history older than `historyMs`, every hour. */
export function compaction(upkeep: StoreUpkeep, historyMs: number): FleetJob {
  return { scope: 'fleet', name: 'compaction', cron: '7 * * * *', run: async () => upkeep.compact(historyMs) };
}
