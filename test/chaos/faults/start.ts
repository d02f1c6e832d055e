import { setTimeout as sleep } from 'node:timers/promises';
import type { ParamdRpcError } from '../../../src/client/rpc-error.ts';
import { eventually, repeating } from '../../e2e/eventually.ts';
import { text, textOf, told } from '../../e2e/rpc.ts';
import type { Fault } from '../fault.ts';
import type { Site, SiteReplica } from '../site.ts';
import { busConnected } from './bus-state.ts';
import { mustBeFelt } from './demands.ts';
import { type Demand, judged } from './judged.ts';

const KEY = 'fault:start';
const VALUE = 'written before';
const WAITING = 'waiting for PostgreSQL';
/** From the moment at which it can. */
const READY_MS_MAX = 5000;

const postgresDown = judged({
  name: 'start with PostgreSQL down',
  group: 'start',
  also: `says what it waits for; ready ≤ ${READY_MS_MAX / 1000} s after PostgreSQL; never answers that a parameter is absent`,
  site: { startReplicas: false },
  async inject(site, scale, demand) {
    await writeBefore(site);
    await site.postgres.primary.kill();
    // One cannot tell a server that is gone from one that says nothing.
    const mute = site.replicas.at(-1)!;
    mute.links.store.mode = 'blackhole';
    const starting = site.replicas.map((replica) => replica.start().then(() => site.nowMs()));
    const asking = site.replicas.map((replica) => ask(replica, demand));
    for (const replica of site.replicas) {
      await eventually(() => replica.log.some(({ msg, why }) => msg === WAITING && String(why) !== ''));
      const says = await replica.readiness();
      demand(says === WAITING, `/readyz of ${replica.name} says "${says}" without PostgreSQL`);
    }
    await sleep(scale.ms(10_000, 1000));
    mustBeFelt((await Promise.race([...starting, undefined])) === undefined, 'a replica was ready without PostgreSQL');
    await site.postgres.primary.start();
    mute.links.store.mode = 'pass';
    const possibleAtMs = site.nowMs();
    const readyMs = Math.max(...(await Promise.all(starting))) - possibleAtMs;
    site.note('ready once PostgreSQL was, longest', readyMs, 'ms');
    demand(readyMs <= READY_MS_MAX, `ready ${readyMs.toFixed(0)} ms after PostgreSQL, more than ${READY_MS_MAX}`);
    await stopAsking(asking);
  },
});

const valkeyDown = judged({
  name: 'start with Valkey down',
  group: 'start',
  also: `says that it misses Valkey; ready ≤ ${READY_MS_MAX / 1000} s all the same; never answers that a parameter is absent`,
  site: { startReplicas: false },
  async inject(site, scale, demand) {
    await writeBefore(site);
    await site.valkey.server.kill();
    const mute = site.replicas.at(-1)!;
    mute.links.valkey.mode = 'blackhole';
    const starting = Promise.all(site.replicas.map((replica) => replica.start()));
    const asking = site.replicas.map((replica) => ask(replica, demand));
    const readyMs = Math.max(...(await starting));
    site.note('ready without Valkey, longest', readyMs, 'ms');
    demand(readyMs <= READY_MS_MAX, `ready after ${readyMs.toFixed(0)} ms without Valkey, more than ${READY_MS_MAX}`);
    for (const replica of site.replicas) {
      const tells = await eventually(() => replica.log.some(({ msg }) => /valkey|bus/i.test(msg))).catch(
        () => undefined,
      );
      demand(tells !== undefined, `${replica.name} does not tell that it misses Valkey`);
    }
    await sleep(scale.ms(10_000, 1000));
    await site.valkey.server.start();
    mute.links.valkey.mode = 'pass';
    site.note('bus connected once Valkey was there', await busConnected(site.replicas), 'ms');
    await stopAsking(asking);
  },
});

/** By a replica that is gone again. */
async function writeBefore({ replicas }: Site): Promise<void> {
  const [first] = replicas as [SiteReplica];
  await first.start();
  await first.direct.set({ key: KEY, value: text(VALUE) });
  await first.stop();
}

/** Asks all the time; whatever it answers, it must not be that the parameter is absent, or something else. */
function ask({ name, direct }: SiteReplica, demand: Demand) {
  let answered = 0;
  const running = repeating(async () => {
    const answer = await direct.get({ key: KEY }, 1000).catch((error: ParamdRpcError) => error);
    if (answer instanceof Error) {
      demand(answer.status === 'UNAVAILABLE' || answer.status === 'DEADLINE_EXCEEDED', `${name}: ${told(answer)}`);
      await sleep(10);
      return;
    }
    answered++;
    demand(textOf(answer.parameter) === VALUE, `${name} read "${textOf(answer.parameter)}"`);
    await sleep(2);
  });
  return {
    name,
    get answered() {
      return answered;
    },
    stop: () => running.stop(),
  };
}

async function stopAsking(asking: readonly ReturnType<typeof ask>[]): Promise<void> {
  for (const one of asking) {
    await eventually(() => one.answered > 0);
    await one.stop();
  }
}

export const startFaults: readonly Fault[] = [postgresDown, valkeyDown];
