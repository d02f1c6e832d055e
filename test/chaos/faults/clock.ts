import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Tier } from '../../../gen/parameter/v1/freshness.ts';
import { durationOfMs } from '../../../src/client/duration.ts';
import { eventually } from '../../e2e/eventually.ts';
import { text } from '../../e2e/rpc.ts';
import type { Fault } from '../fault.ts';
import type { SiteReplica } from '../site.ts';
import { SERVED, served } from './demands.ts';
import { type Demand, judged } from './judged.ts';

const SHIFTING = pathToFileURL(resolve('test/chaos/shifted-clock.js')).href;
const HOUR_MS = 3_600_000;
/** Shorter than the shift by far, and as short as an entry of the near cache may live. */
const SHORT_TTL_MS = 1000;
const LONG_KEY = 'fault:clock:long';
const SHORT_KEY = 'fault:clock:short';

/** An hour ahead, an hour back (two at once), and to the truth again; after each of them TTLs are what they were. */
const shifted = judged({
  name: 'wall clock of one replica shifted by an hour',
  group: 'clock',
  also: `${SERVED}; what may be cached stays as long as its TTL, and no longer`,
  site: { settings: { NODE_OPTIONS: `--import=${SHIFTING}`, PARAMD_NEAR_CACHE_ENTRIES: '100000' } },
  async inject(site, scale, demand) {
    const [other, replica] = site.replicas as [SiteReplica, SiteReplica];
    await other.direct.set({ key: LONG_KEY, value: text('long'), cacheTtl: durationOfMs(HOUR_MS / 2) });
    await other.direct.set({ key: SHORT_KEY, value: text('short'), cacheTtl: durationOfMs(SHORT_TTL_MS) });
    for (const shift of ['an hour ahead', 'an hour back', 'right again']) {
      await fromNearCache(replica, LONG_KEY);
      await fromNearCache(replica, SHORT_KEY);
      await shiftClock(replica);
      site.tell(`the clock of ${replica.name} is ${shift}`);
      await expectTtls(replica, demand, shift);
      await sleep(scale.ms(8000, 500));
    }
  },
  demand: served,
});

async function shiftClock(replica: SiteReplica): Promise<void> {
  const before = replica.log.filter(isShift).length;
  process.kill(replica.pid, 'SIGUSR2');
  await eventually(() => replica.log.filter(isShift).length > before);
}

function isShift({ msg }: { readonly msg: string }): boolean {
  return msg === 'wall clock shifted';
}

async function expectTtls(replica: SiteReplica, demand: Demand, shift: string): Promise<void> {
  const long = await tierOf(replica, LONG_KEY);
  demand(long === Tier.TIER_NEAR_CACHE, `${shift}: what lives for half an hour is gone from the near cache`);
  // It must end, and not an hour later.
  await sleep(SHORT_TTL_MS * 1.3);
  const short = await tierOf(replica, SHORT_KEY);
  demand(short !== Tier.TIER_NEAR_CACHE, `${shift}: what lives for a second is still in the near cache`);
}

async function fromNearCache(replica: SiteReplica, key: string): Promise<void> {
  await eventually(async () => (await tierOf(replica, key)) === Tier.TIER_NEAR_CACHE);
}

async function tierOf({ direct }: SiteReplica, key: string): Promise<Tier> {
  return (await direct.get({ key })).freshness!.servedFrom;
}

export const clockFaults: readonly Fault[] = [shifted];
