import { GetStatsResponse_BusState as BusState } from '../../../gen/parameter/v1/cache_service.ts';
import { eventually } from '../../e2e/eventually.ts';
import type { SiteReplica } from '../site.ts';

const MS_MAX = 15_000;

/** Waits until changes come by pub/sub, to all of them. @returns ms */
export async function busConnected(replicas: readonly SiteReplica[]): Promise<number> {
  return longest(replicas, BusState.BUS_STATE_CONNECTED);
}

/** Waits until each has noticed that they do not. @returns ms, of the last one to notice */
export async function busLost(replicas: readonly SiteReplica[]): Promise<number> {
  return longest(replicas, BusState.BUS_STATE_DISCONNECTED);
}

async function longest(replicas: readonly SiteReplica[], state: BusState): Promise<number> {
  const waits = replicas.map(({ direct }) =>
    eventually(async () => (await direct.stats({})).busState === state, MS_MAX),
  );
  return Math.max(...(await Promise.all(waits)));
}
