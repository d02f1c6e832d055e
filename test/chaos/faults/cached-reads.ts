import { setTimeout as sleep } from 'node:timers/promises';
import { Tier } from '../../../gen/parameter/v1/freshness.ts';
import { msOfDuration } from '../../../src/client/duration.ts';
import { eventually } from '../../e2e/eventually.ts';
import type { Site, SiteReplica } from '../site.ts';

const PAUSE_MS = 20;
const READ_MS_MAX = 2000;
/** Z: an unflagged answer may be that old. */
const STALENESS_MS = 500;
/** Between the clocks of two processes, and for timers' grain. */
const GRAIN_MS = 5;
const KEYS_MAX = 50;

/** Reads without demands of what every near cache holds, while the store cannot be reached (C7). */
export interface CachedReads {
  readonly count: number;
  readonly failed: number;
  readonly degraded: number;
  /** What should not have been, the first few. */
  readonly wrong: readonly string[];
  stop(): Promise<void>;
}

/**
 * Begins before the store is cut off, and when `cutOff` resolves it is. The traffic's writes are paused meanwhile: what
 * changed in the last moment is not held by any cache, and would be nobody's fault.
 */
export async function readCached(site: Site, cutOff: () => void): Promise<CachedReads> {
  await site.traffic.pauseWrites();
  const keys = await warmedKeys(site);
  cutOff();
  const cutOffMs = performance.now();
  site.traffic.resumeWrites();
  const result = { count: 0, failed: 0, degraded: 0, wrong: [] as string[] };
  let stopped = false;

  async function readOn({ name, rpc }: SiteReplica): Promise<void> {
    for (let at = 0; !stopped; at++) {
      const key = keys[at % keys.length]!;
      const calledMs = performance.now();
      result.count++;
      try {
        const { freshness } = await rpc.get({ key }, READ_MS_MAX);
        const boundMs = freshness!.stalenessBound && msOfDuration(freshness!.stalenessBound);
        if (freshness!.degraded) result.degraded++;
        const ageMs = calledMs - cutOffMs;
        const leastMs = freshness!.degraded ? ageMs : ageMs - STALENESS_MS;
        if (boundMs === undefined || boundMs < ageMs - GRAIN_MS || (!freshness!.degraded && leastMs > GRAIN_MS)) {
          const flag = freshness!.degraded ? 'degraded' : 'not degraded';
          result.wrong.push(`${name} answered ${key}, ${flag}, bound ${boundMs} ms, ${ageMs} ms after the cut`);
        }
      } catch (error) {
        result.failed++;
        result.wrong.push(`${name} did not answer ${key}: ${(error as Error).message}`);
      }
      await sleep(PAUSE_MS);
    }
  }

  const reading = Promise.all(site.replicas.map(readOn));
  return Object.assign(result, {
    stop: async () => {
      stopped = true;
      await reading;
    },
  });
}

/** Some keys that every replica answers from memory. */
async function warmedKeys({ replicas }: Site): Promise<readonly string[]> {
  const { parameters } = await replicas[0]!.rpc.list({ pageSize: KEYS_MAX, keysOnly: true });
  const keys = parameters.map(({ key }) => key);
  for (const { rpc } of replicas) {
    await eventually(async () => {
      const { freshness } = await rpc.getMany({ keys });
      return freshness!.servedFrom === Tier.TIER_NEAR_CACHE;
    });
  }
  return keys;
}
