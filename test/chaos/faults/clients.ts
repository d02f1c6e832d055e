import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetParameterRequest, WatchRequest } from '../../../gen/parameter/v1/parameter_service.ts';
import { eventually } from '../../e2e/eventually.ts';
import { text } from '../../e2e/rpc.ts';
import { startProxy, type TestProxy } from '../../support/proxy.ts';
import type { ChurnTold, ChurnWork } from '../connection-churn.ts';
import type { Fault } from '../fault.ts';
import { startLoad } from '../load-process.ts';
import { type ProcessUse, processUse } from '../process-use.ts';
import { get, halfACall, openSession, startCall, WATCH_PATH } from '../raw-grpc.ts';
import type { Site, SiteReplica } from '../site.ts';
import { mustBeFelt, served } from './demands.ts';
import { judged } from './judged.ts';

const KEY = 'fault:clients';
const MIB = 1 << 20;
/** Sockets of /metrics, of a reconnecting pool. */
const FILES_MORE_MAX = 10;
const FILES_BACK_MS_MAX = 10_000;
/** From one round to the next alike one; what the first one brings is code, pools and the heap's own reserve. */
const GROWTH_BYTES_MAX = 40 * MIB;
const REAPED_MS_MAX = 30_000;

const churn = judged({
  name: 'connection churn, 200/s',
  group: 'clients',
  async inject(site, scale, demand) {
    await site.replicas[0]!.direct.set({ key: KEY, value: text('here') });
    const before = useOf(site);
    const ports = site.replicas.map(({ links }) => links.clients.port);
    const roundMs = scale.ms(20_000, 2500);
    const rounds: (readonly ProcessUse[])[] = [];
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
      rounds.push(useOf(site));
    }
    site.replicas.forEach((replica, at) => {
      const files = rounds.at(-1)![at]!.files - before[at]!.files;
      demand(files <= FILES_MORE_MAX, `${replica.name} holds ${files} more file descriptors than before`);
      const grown = rounds[2]![at]!.residentBytes - rounds[1]![at]!.residentBytes;
      site.note(`${replica.name} grew in the last round`, grown, 'bytes');
      demand(grown <= GROWTH_BYTES_MAX, `${replica.name} grew by ${(grown / MIB).toFixed(0)} MiB in the last round`);
    });
  },
  demand: served,
});

/** Four kinds, all of which look alike from the server: nothing comes any more. */
const halfOpen = judged({
  name: '1,000 half-open clients',
  group: 'clients',
  async inject(site, scale, demand) {
    const victim = site.replicas[1]!;
    const each = scale.times(1000, 400) / 4;
    await victim.direct.set({ key: KEY, value: text('here') });
    const before = processUse(victim.pid);
    const port = Number(victim.direct.target.split(':')[1]);
    const sockets = [
      ...mute(port, each, Buffer.alloc(0)),
      ...mute(port, each, Buffer.from('PRI * HTTP')),
      ...mute(port, each, halfACall()),
    ];
    const link = await startProxy(port);
    try {
      const sessions = await callers(link, each);
      await eventually(() => processUse(victim.pid).files >= before.files + 4 * each);
      link.mode = 'blackhole';
      const startedAtMs = site.nowMs();
      const reaped = () => processUse(victim.pid).files <= before.files + FILES_MORE_MAX;
      const took = await eventually(reaped, REAPED_MS_MAX * 1.5).catch(() => Number.POSITIVE_INFINITY);
      site.note('half-open clients reaped', site.nowMs() - startedAtMs, 'ms');
      const left = processUse(victim.pid).files - before.files;
      demand(took <= REAPED_MS_MAX, `after ${(site.nowMs() - startedAtMs).toFixed(0)} ms ${left} are still there`);
      for (const session of sessions) session.destroy();
    } finally {
      for (const socket of sockets) socket.destroy();
      await link.close();
    }
    const grown = processUse(victim.pid).residentBytes - before.residentBytes;
    site.note('grown by', grown, 'bytes');
    demand(grown <= 2 * GROWTH_BYTES_MAX, `${victim.name} grew by ${(grown / MIB).toFixed(0)} MiB`);
  },
  demand: served,
});

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

function useOf({ replicas }: Site): ProcessUse[] {
  return replicas.map(({ pid }: SiteReplica) => processUse(pid));
}

async function filesBack(site: Site, before: readonly ProcessUse[]): Promise<void> {
  const back = () => useOf(site).every(({ files }, at) => files <= before[at]!.files + FILES_MORE_MAX);
  await eventually(back, FILES_BACK_MS_MAX).catch(() => {});
}

export const clientsFaults: readonly Fault[] = [churn, halfOpen];
