import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../e2e/eventually.ts';
import type { BusProxy } from '../bus-proxy.ts';
import type { Fault } from '../fault.ts';
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
/** In CI everything shares two cores with others, and looking at a replica's state is itself a call that waits. */
const LATE_MS_MAX_SHORT = 700;
const COUNTED_MS_MAX = 5000;

function halfOpen(): Fault {
  let proxies: readonly BusProxy[] = [];
  let broken: string[] = [];
  return {
    name: 'bus half-open',
    group: 'bus',
    also: `${SERVED}; noticed ≤ ${NOTICED_MS_MAX} ms while writes flow, ≤ ${NOTICED_IDLE_MS_MAX} ms while none (in CI ${LATE_MS_MAX_SHORT} ms later)`,
    async inject(site, scale) {
      broken = [];
      proxies = await placeBusProxies(site);
      const lateMs = scale.short ? LATE_MS_MAX_SHORT : 0;
      const judge = (noticedMs: number, msMax: number, when: string) => {
        if (noticedMs > msMax + lateMs) broken.push(`C6: noticed after ${noticedMs.toFixed(0)} ms ${when}`);
      };
      const noticed: number[] = [];
      for (let round = 0; round < scale.times(10, 3); round++) {
        const at = round % proxies.length;
        noticed.push(await silence(site, proxies, at));
        judge(noticed.at(-1)!, NOTICED_MS_MAX, `at ${site.replicas[at]!.name} while writes flowed`);
        await sleep(scale.ms(2000, 200));
        await speak(site, proxies);
      }
      site.note('noticed while writes flow, longest', Math.max(...noticed), 'ms');
      await site.traffic.pauseWrites();
      try {
        const idleMs = await silence(site, proxies);
        site.note('noticed while nothing is written', idleMs, 'ms');
        judge(idleMs, NOTICED_IDLE_MS_MAX, 'while nothing was written');
      } finally {
        site.traffic.resumeWrites();
      }
      await speak(site, proxies);
    },
    heal: (site) => removeBusProxies(site, proxies),
    demand: (run) => [...broken, ...served(run)],
  };
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
