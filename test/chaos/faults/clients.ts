import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetParameterRequest, WatchRequest } from '../../../gen/parameter/v1/parameter_service.ts';
import { eventually } from '../../e2e/eventually.ts';
import { text } from '../../e2e/rpc.ts';
import { startProxy, type TestProxy } from '../../support/proxy.ts';
import type { ChurnTold, ChurnWork } from '../connection-churn.ts';
import type { Fault } from '../fault.ts';
import { MEMORY_BACK, memoryBack, TELLS_MEMORY } from '../live-memory.ts';
import { startLoad } from '../load-process.ts';
import { openFiles } from '../open-files.ts';
import { get, halfACall, openSession, startCall, WATCH_PATH } from '../raw-grpc.ts';
import type { Site, SiteReplica } from '../site.ts';
import { mustBeFelt, SERVED, served } from './demands.ts';
import { judged } from './judged.ts';

const KEY = 'fault:clients';
/** Sockets of /metrics, of a reconnecting pool. */
const FILES_MORE_MAX = 10;
const FILES_BACK_MS_MAX = 10_000;
const REAPED_MS_MAX = 30_000;

const churn = judged({
  name: 'connection churn, 200/s',
  group: 'clients',
  also: `${SERVED}; file descriptors back, ${MEMORY_BACK}`,
  site: { settings: TELLS_MEMORY },
  async inject(site, scale, demand) {
    await site.replicas[0]!.direct.set({ key: KEY, value: text('here') });
    const before = filesOf(site);
    const ports = site.replicas.map(({ links }) => links.clients.port);
    const roundMs = scale.ms(20_000, 2500);
    let demandMemory: (() => Promise<void>) | undefined;
    for (let round = 0; round < 3; round++) {
      const work: ChurnWork = { ports, perSecond: 200, key: KEY };
      const load = startLoad<ChurnTold>('connection-churn.ts', work);
      await sleep(roundMs);
      const told = await load.until(({ opened }) => opened > (roundMs / 1000) * 100);
      await load.stop();
      mustBeFelt(told.answered > told.opened / 2, `${told.answered} of ${told.opened} were answered`);
      demand(told.failed === 0, `${told.failed} of ${told.opened} calls on a new connection failed`);
      site.tell(`${told.opened} connections came and went`);
      await filesBack(site, before);
      // What the traffic of the first seconds fills, as the ring, is no leak; what connections leave grows with each round.
      demandMemory ??= await memoryBack(site, site.replicas, demand);
    }
    filesOf(site).forEach((files, at) => {
      const more = files - before[at]!;
      demand(more <= FILES_MORE_MAX, `${site.replicas[at]!.name} holds ${more} more file descriptors than before`);
    });
    await demandMemory!();
  },
  demand: served,
});

const halfOpen = judged({
  name: '1,000 half-open clients',
  group: 'clients',
  also: `${SERVED}; reaped ≤ ${REAPED_MS_MAX / 1000} s, ${MEMORY_BACK}`,
  site: { settings: TELLS_MEMORY },
  async inject(site, scale, demand) {
    const victim = site.replicas[1]!;
    await victim.direct.set({ key: KEY, value: text('here') });
    const demandMemory = await memoryBack(site, [victim], demand);
    const { tookMs, left } = await reaped(victim, scale.times(1000, 400) / 4);
    site.note('half-open clients reaped', tookMs, 'ms');
    demand(tookMs <= REAPED_MS_MAX, `after ${tookMs.toFixed(0)} ms ${left} half-open clients are still there`);
    await demandMemory();
  },
  demand: served,
});

/** Four kinds, all of which look alike from the server: nothing comes any more. */
async function reaped(victim: SiteReplica, each: number): Promise<{ readonly tookMs: number; readonly left: number }> {
  const before = openFiles(victim.pid);
  const port = Number(victim.direct.target.split(':')[1]);
  const sockets = [
    ...mute(port, each, Buffer.alloc(0)),
    ...mute(port, each, Buffer.from('PRI * HTTP')),
    ...mute(port, each, halfACall()),
  ];
  const link = await startProxy(port);
  const left = () => openFiles(victim.pid) - before;
  try {
    const sessions = await callers(link, each);
    await eventually(() => left() >= 4 * each);
    link.mode = 'blackhole';
    const startedAtMs = performance.now();
    await eventually(() => left() <= FILES_MORE_MAX, REAPED_MS_MAX * 1.5).catch(() => {});
    const tookMs = performance.now() - startedAtMs;
    for (const session of sessions) session.destroy();
    return { tookMs, left: left() };
  } finally {
    for (const socket of sockets) socket.destroy();
    await link.close();
  }
}

/** Connections that send so much and then nothing, and answer no ping. */
function mute(port: number, count: number, bytes: Buffer): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {}).resume();
    if (bytes.length > 0) socket.write(bytes);
    return socket;
  });
}

/** Clients in full health: each has had an answer, and watches. */
async function callers(link: TestProxy, count: number) {
  const request = GetParameterRequest.encode(GetParameterRequest.fromPartial({ key: KEY })).finish();
  const watch = WatchRequest.encode(WatchRequest.fromPartial({ prefixes: [KEY] })).finish();
  const sessions = Array.from({ length: count }, () => openSession(link.port));
  const answers = await Promise.all(sessions.map((session) => get(session, request)));
  mustBeFelt(
    answers.every((status) => status === '0'),
    'not every client was answered',
  );
  for (const session of sessions) startCall(session, WATCH_PATH, watch).resume();
  return sessions;
}

function filesOf({ replicas }: Site): number[] {
  return replicas.map(({ pid }) => openFiles(pid));
}

async function filesBack(site: Site, before: readonly number[]): Promise<void> {
  const back = () => filesOf(site).every((files, at) => files <= before[at]! + FILES_MORE_MAX);
  await eventually(back, FILES_BACK_MS_MAX).catch(() => {});
}

export const clientsFaults: readonly Fault[] = [churn, halfOpen];
