import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../../src/bench/quantile.ts';
import { eventually } from '../../e2e/eventually.ts';
import type { BusProxy } from '../bus-proxy.ts';
import type { Fault, Scale } from '../fault.ts';
import type { Site } from '../site.ts';
import { askValkey } from '../site-valkey.ts';
import { placeBusProxies, removeBusProxies, sumOf } from './bus-proxies.ts';
import { busConnected, busLost } from './bus-state.ts';
import { mustBeFelt, SERVED, served, total } from './demands.ts';
import { forgeAnnouncements } from './forge-announcements.ts';
import { mixUp, useSameKeys, withSecondInstallation } from './second-installation.ts';

/** C6: how soon loss of the bus is noticed. */
const NOTICED_MS_MAX = 300;
const NOTICED_IDLE_MS_MAX = 3000;
/** Of the times that it was lost. The rest is late by what a machine is that runs replicas, servers and clients at once. */
const NOTICED_SHARE_MIN = 0.9;
const LATE_MS_MAX = 200;
/** In CI others use its two cores as well, and looking at a replica's state is itself a call that waits. */
const LATE_MS_MAX_SHORT = 700;
const COUNTED_MS_MAX = 5000;
const QUIET_MS = 500;

function halfOpen(): Fault {
  let proxies: readonly BusProxy[] = [];
  let broken: string[] = [];
  return {
    name: 'bus half-open',
    group: 'bus',
    also: `${SERVED}; noticed ≤ ${NOTICED_MS_MAX} ms (90 % of times) while writes flow, ≤ ${NOTICED_IDLE_MS_MAX} ms while none; the machine may add ${LATE_MS_MAX} ms (in CI ${LATE_MS_MAX_SHORT})`,
    async inject(site, scale) {
      broken = [];
      proxies = await placeBusProxies(site);
      const noticed: number[] = [];
      for (let round = 0; round < scale.times(20, 2); round++) {
        noticed.push(await silence(site, proxies, round % proxies.length));
        await sleep(scale.ms(1000, 200));
        await speak(site, proxies);
      }
      broken.push(...tooLate(noticed, scale));
      noticed.sort((a, b) => a - b);
      site.note('noticed while writes flow, median', quantile(noticed, 0.5), 'ms');
      site.note('noticed while writes flow, longest', noticed.at(-1)!, 'ms');
      await site.traffic.pauseWrites();
      try {
        // What was written last has been announced everywhere, and nothing is waited for any more.
        await sleep(QUIET_MS);
        const idleMs = await silence(site, proxies);
        site.note('noticed while nothing is written', idleMs, 'ms');
        if (idleMs > NOTICED_IDLE_MS_MAX + lateMsMax(scale)) {
          broken.push(`C6: noticed after ${idleMs.toFixed(0)} ms while nothing was written`);
        }
      } finally {
        site.traffic.resumeWrites();
      }
      await speak(site, proxies);
    },
    heal: (site) => removeBusProxies(site, proxies),
    demand: (run) => [...broken, ...served(run)],
  };
}

function tooLate(noticed: readonly number[], scale: Scale): readonly string[] {
  const inTime = noticed.filter((ms) => ms <= NOTICED_MS_MAX).length;
  const longest = Math.max(...noticed);
  const broken: string[] = [];
  if (!scale.short && inTime < noticed.length * NOTICED_SHARE_MIN) {
    broken.push(`C6: while writes flowed noticed within ${NOTICED_MS_MAX} ms ${inTime} times of ${noticed.length}`);
  }
  if (longest > NOTICED_MS_MAX + lateMsMax(scale)) {
    broken.push(`C6: noticed after ${longest.toFixed(0)} ms while writes flowed`);
  }
  return broken;
}

function lateMsMax({ short }: Scale): number {
  return short ? LATE_MS_MAX_SHORT : LATE_MS_MAX;
}

/** @param only one of them; by default all @returns ms until it was noticed */
function silence({ replicas, tell }: Site, proxies: readonly BusProxy[], only?: number): Promise<number> {
  const chosen = replicas.filter((_, at) => only === undefined || at === only);
  tell(`silent: the subscribers of ${chosen.map(({ name }) => name).join(', ')}`);
  for (const [at, proxy] of proxies.entries()) proxy.silent = only === undefined || at === only;
  return busLost(chosen);
}

async function speak({ replicas }: Site, proxies: readonly BusProxy[]): Promise<void> {
  for (const proxy of proxies) proxy.silent = false;
  await busConnected(replicas);
}

function unreliable(): Fault {
  let proxies: readonly BusProxy[] = [];
  return {
    name: 'bus drops, doubles, reorders',
    group: 'bus',
    also: `${SERVED}; 20 % dropped, 30 % doubled, 30 % reordered`,
    async inject(site, scale) {
      proxies = await placeBusProxies(site);
      const before = await total(site, 'bus_repaired');
      for (const proxy of proxies) proxy.disturbance = { drop: 0.2, double: 0.3, reorder: 0.3 };
      await sleep(scale.ms(30_000, 4000));
      for (const proxy of proxies) proxy.disturbance = undefined;
      const counts = sumOf(proxies);
      for (const [what, count] of Object.entries(counts)) {
        site.note(`announcements ${what}`, count, 'count');
        mustBeFelt(count > 0, `no announcement was ${what}`);
      }
      const repaired = (await total(site, 'bus_repaired')) - before;
      mustBeFelt(repaired > 0, 'no hole was repaired from the log');
      site.note('holes repaired from the log', repaired, 'count');
    },
    heal: (site) => removeBusProxies(site, proxies),
    demand: served,
  };
}

function forged(): Fault {
  let broken: readonly string[] = [];
  return {
    name: 'forged announcements',
    group: 'bus',
    also: `${SERVED}; each forged one counted, none applied`,
    async inject(site, scale) {
      broken = [];
      const before = await total(site, 'bus_dropped');
      const { counts, replayed, delivered } = await askValkey(site.valkey.server.url, (valkey) =>
        forgeAnnouncements(valkey, scale.ms(20_000, 3000)),
      );
      site.tell(`forged: ${JSON.stringify(counts)}, replayed: ${replayed}, delivered: ${delivered}`);
      for (const [way, count] of Object.entries({ ...counts, replayed })) mustBeFelt(count > 0, `none: ${way}`);
      mustBeFelt(delivered > replayed, `${delivered} deliveries`);
      site.note('forged announcements delivered', delivered, 'count');
      broken = await counted(site, before + delivered);
      await busConnected(site.replicas);
    },
    demand: (run) => [...broken, ...served(run)],
  };
}

function anotherInstallation(): Fault {
  let broken: readonly string[] = [];
  return {
    name: 'another installation on the same Valkey',
    group: 'bus',
    also: `${SERVED}; no value of one seen in the other, foreign announcements counted`,
    inject: (site, scale) =>
      withSecondInstallation(site, async (other, keys) => {
        const both = { replicas: [...site.replicas, other] };
        const dropped = await total(both, 'bus_dropped');
        const rejected = await total(both, 'shared_rejected');
        const users = await useSameKeys(other, keys);
        const mixed = await askValkey(site.valkey.server.url, (valkey) => mixUp(valkey, scale.ms(20_000, 3000)));
        const { count, foreign } = await users.stop();
        site.tell(`mixed up: ${JSON.stringify(mixed)}; the other installation read ${count} times`);
        mustBeFelt(count > 0 && mixed.announcements > 0 && mixed.entries > 0, JSON.stringify({ count, ...mixed }));
        mustBeFelt(
          (await total(both, 'shared_rejected')) > rejected,
          'no replica met an entry of the other installation',
        );
        site.note("other installation's announcements", mixed.announcements, 'count');
        broken = [
          ...foreign.map((what) => `the other installation read ${what}`),
          ...(await counted(both, dropped + mixed.announcements)),
        ];
      }),
    demand: (run) => [...broken, ...served(run)],
  };
}

/** Each that a replica was handed is to be counted there. @returns what did not hold */
async function counted(site: Pick<Site, 'replicas'>, least: number): Promise<readonly string[]> {
  let dropped = 0;
  const enough = async () => {
    dropped = await total(site, 'bus_dropped');
    return dropped >= least;
  };
  const late = await eventually(enough, COUNTED_MS_MAX).then(
    () => false,
    () => true,
  );
  return late ? [`${least} announcements were to be dropped by now, ${dropped} were counted`] : [];
}

export const busFaults: readonly Fault[] = [halfOpen(), unreliable(), forged(), anotherInstallation()];
