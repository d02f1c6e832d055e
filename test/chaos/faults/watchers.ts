import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type WatchItem } from '../../../src/client/index.ts';
import { eventually } from '../../e2e/eventually.ts';
import { text } from '../../e2e/rpc.ts';
import { storedLog } from '../../e2e/watch-checker.ts';
import type { Fault } from '../fault.ts';
import { MEMORY_BACK, memoryBack, TELLS_MEMORY } from '../live-memory.ts';
import { startLoad } from '../load-process.ts';
import { openFiles } from '../open-files.ts';
import type { Site } from '../site.ts';
import type { SwarmTold, SwarmWork } from '../watcher-swarm.ts';
import { compactedUnderWatches } from './compaction.ts';
import { mustBeFelt, served } from './demands.ts';
import { judged } from './judged.ts';
import { slowWatchers } from './slow-watchers.ts';

const FILES_MORE_MAX = 10;
const ROUNDS = 3;
const WRITES = 5;
const OPEN_MS_MAX = 60_000;
const DELIVERED_MS_MAX = 30_000;
const RESUMED_MS_MAX = 10_000;
const CLIENTS = 3;

/** Opened, told of changes, closed, and all of it again: what each round leaves adds up. */
const swarm = judged({
  name: '10,000 watchers',
  group: 'watchers',
  also: `file descriptors back, ${MEMORY_BACK}`,
  site: { settings: TELLS_MEMORY },
  async inject(site, scale, demand) {
    const watches = scale.times(10_000, 1500);
    const before = site.replicas.map(({ pid }) => openFiles(pid));
    let demandMemory: (() => Promise<void>) | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const prefix = `fault:swarm:${round}:`;
      const ports = site.replicas.map(({ links }) => links.clients.port);
      const work: SwarmWork = { ports, watches, prefix };
      const load = startLoad<SwarmTold>('watcher-swarm.ts', work);
      try {
        await load.until(({ open }) => open === watches, OPEN_MS_MAX);
        const startedAtMs = site.nowMs();
        for (let write = 0; write < WRITES; write++) {
          await site.replicas[write % site.replicas.length]!.direct.set({ key: `${prefix}${write}`, value: text('x') });
        }
        const told = await load.until(({ least }) => least >= WRITES, DELIVERED_MS_MAX);
        site.note(`${WRITES} changes at all ${watches} watches`, site.nowMs() - startedAtMs, 'ms');
        demand(told.disordered === 0, `C10: ${told.disordered} events came twice or out of order`);
        demand(told.ended === 0, `${told.ended} watches ended by themselves`);
      } finally {
        await load.stop();
      }
      const back = () => site.replicas.every(({ pid }, at) => openFiles(pid) <= before[at]! + FILES_MORE_MAX);
      const closed = await eventually(back, 10_000).then(
        () => true,
        () => false,
      );
      demand(closed, `file descriptors are not back ${round + 1} times after the watches have gone`);
      // The first round also brings what stays for good: compiled code, and the heap of the pools.
      demandMemory ??= await memoryBack(site, site.replicas, demand);
    }
    await demandMemory!();
  },
  demand: served,
});

/** Watches of paramd's own client with all addresses, which must go on elsewhere by themselves. */
const killedUnder = judged({
  name: "watchers' replica killed",
  group: 'watchers',
  also: `resumed at another replica ≤ ${RESUMED_MS_MAX / 1000} s, no change missing or twice`,
  async inject(site, scale, demand) {
    const prefix = 'fault:resumed:';
    const watchersOn = () => Promise.all(site.replicas.map((replica) => replica.metric('paramd_watchers')));
    const before = await watchersOn();
    const clients = Array.from({ length: CLIENTS }, () => connect({ target: targetOf(site) }));
    let victim = site.replicas[0]!;
    try {
      const watches = clients.flatMap((client) =>
        Array.from({ length: scale.times(20, 10) }, () => collect(client, prefix)),
      );
      await eventually(() => watches.every(({ items }) => items.length > 0));
      const begunAt = watches.reduce(
        (latest, { items }) => (items[0]!.revision > latest ? items[0]!.revision : latest),
        0n,
      );
      // A client takes what is connected first: all watches may be at the other two.
      const own = (await watchersOn()).map((watchers, at) => watchers - before[at]!);
      const mine = Math.max(...own);
      victim = site.replicas[own.indexOf(mine)]!;
      const other = site.replicas.find((replica) => replica !== victim)!;
      mustBeFelt(mine > 0, 'no watch is at the replica that is killed');
      site.tell(`${mine} of ${watches.length} watches are at ${victim.name}`);
      await victim.kill();
      const killedAtMs = site.nowMs();
      const last = await writeOn(other, prefix, 10);
      const tookMs = await eventually(
        () => watches.every((watch) => watch.revision() >= last),
        RESUMED_MS_MAX * 2,
      ).then(
        () => site.nowMs() - killedAtMs,
        () => Number.POSITIVE_INFINITY,
      );
      site.note('resumed at another, the last one', tookMs, 'ms');
      demand(tookMs <= RESUMED_MS_MAX, `resumed after ${tookMs.toFixed(0)} ms, more than ${RESUMED_MS_MAX}`);
      await victim.start();
      const end = await writeOn(victim, prefix, 5);
      await eventually(() => watches.every((watch) => watch.revision() >= end));
      const log = (await storedLog(site.postgres.url)).filter(({ key }) => key.startsWith(prefix));
      for (const { items } of watches) {
        const seen = items
          .flatMap((item) => (item.kind === 'changes' ? item.events : []))
          .map(({ revision }) => revision);
        const due = log.map(({ revision }) => revision).filter((revision) => revision > begunAt);
        const missed = due.filter((revision) => !seen.includes(revision)).length;
        demand(missed === 0, `C10: a resumed watch missed ${missed} of ${due.length} changes`);
        demand(new Set(seen).size === seen.length, 'C10: a resumed watch got a change twice');
      }
    } finally {
      for (const client of clients) client.close();
      if (!victim.running) await victim.start();
    }
  },
});

function targetOf({ replicas }: Site): string {
  return replicas.map(({ links }) => `127.0.0.1:${links.clients.port}`).join(',');
}

function collect(client: ReturnType<typeof connect>, prefix: string) {
  const items: WatchItem[] = [];
  const running = (async () => {
    for await (const item of client.watch({ prefixes: [prefix] })) items.push(item);
  })();
  running.catch(() => {});
  return { items, revision: () => items.at(-1)?.revision ?? 0n };
}

/** @returns the last revision */
async function writeOn({ direct }: Site['replicas'][number], prefix: string, count: number): Promise<bigint> {
  let revision = 0n;
  for (let write = 0; write < count; write++) {
    const value = text(`${performance.now()}`);
    revision = (await direct.set({ key: `${prefix}${write}`, value })).parameter!.revision;
    await sleep(20);
  }
  return revision;
}

export const watchersFaults: readonly Fault[] = [slowWatchers, swarm, killedUnder, compactedUnderWatches];
