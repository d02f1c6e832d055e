import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  CommitRequest,
  GetParameterRequest,
  ParameterServiceClient,
  ParameterServiceService,
  SetParameterRequest,
} from '../../gen/parameter/v1/parameter_service.ts';
import { campaignMs, eventually } from './eventually.ts';
import { type Fleet, type FleetReplica, type ReplicaProcess, startFleet } from './replicas.ts';
import { int, setOf, text } from './rpc.ts';
import { expectFaithful, storedLog } from './watch-checker.ts';

const MIB = 1 << 20;
/** Of one Commit. A client takes 16 responses before it stops reading; so many must come that this is little. */
const OPERATIONS = 16;

describe('clients that a replica must survive', function () {
  this.timeout(60_000 + campaignMs(5000));
  let fleet: Fleet;
  let replica: FleetReplica;
  let victim: ReplicaProcess;
  before(async () => {
    fleet = await startFleet({
      count: 1,
      settings: { PARAMD_WATCH_RING_BYTES: String(MIB), PARAMD_NEAR_CACHE_BYTES: String(2 * MIB) },
    });
    replica = fleet.replicas[0]!;
    victim = await fleet.spawn({ PARAMD_WATCH_QUEUE_BYTES: String(MIB), PARAMD_POLL_INTERVAL_MS: '20' });
  });
  after(() => fleet?.close());

  function residentBytes(): number {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${victim.process.pid}/status`, 'utf8'))!;
    return Number(kib) * 1024;
  }

  /** As the replica itself counts. */
  async function queuedBytes(): Promise<number> {
    const { http } = victim.log.find(({ msg }) => msg === 'serving')!;
    const metrics = await (await fetch(`http://${http}/metrics`)).text();
    return Number(/^paramd_watch_queue_bytes(?:\{[^}]*\})? (\S+)$/m.exec(metrics)![1]);
  }

  it('C11: slow watches cost a bounded amount, slow nobody, and miss nothing', async function () {
    if (process.platform !== 'linux') this.skip();
    const slow = Array.from({ length: 8 }, (_, at) =>
      victim.watch({ prefixes: ['big'], keys: [`own:${at}`], includePrevious: at % 2 === 0 }),
    );
    const quick = victim.watch({ prefixes: ['big'] });
    for (const watch of [...slow, quick]) await watch.begun();
    const from = quick.revision + 1n;
    for (const watch of slow) watch.pause();
    const value = 'x'.repeat(8000);
    const commit = (round: number) =>
      replica.commit({
        operations: Array.from({ length: OPERATIONS }, (_, at) => setOf(`big:${at}`, text(`${round}${value}`))),
      });
    await commit(-1);
    await eventually(() => quick.changes.length === 1);
    const before = residentBytes();
    let last = 0n;
    let slowestMs = 0;
    let queued = 0;
    const rounds = Math.ceil(campaignMs(60));
    for (let round = 0; round < rounds; round++) {
      const committed = commit(round);
      last = (await committed).revision;
      const startedAtMs = performance.now();
      await quick.reached(last);
      slowestMs = Math.max(slowestMs, performance.now() - startedAtMs);
      queued = Math.max(queued, await queuedBytes());
    }
    const grownMiB = (residentBytes() - before) / MIB;
    const sentMiB = (rounds * OPERATIONS * 8000) / MIB;
    console.log(
      `      8 slow watches of ${sentMiB.toFixed(0)} MiB: process grew by ${grownMiB.toFixed(0)} MiB, others waited ${slowestMs.toFixed(0)} ms at most`,
    );
    expect(slowestMs).to.be.below(2000);
    expect(queued / MIB, 'queued for all').to.be.at.most(8);
    // Much of it is garbage that waits for its collector; in a campaign it must not grow with what is sent.
    expect(grownMiB).to.be.below(150);
    for (const watch of slow) watch.resume();
    const log = await storedLog(fleet.databaseUrl);
    for (const watch of slow) {
      await watch.reached(last);
      expectFaithful(watch.responses, log, { from, matches: (key) => key.startsWith('big') });
      watch.cancel();
    }
    quick.cancel();
  });

  it('C15: random bytes as requests get a status, change nothing, and leave the process as it was', async () => {
    const client = new ParameterServiceClient(victim.target, credentials.createInsecure());
    const methods = Object.values(ParameterServiceService).filter(({ responseStream }) => !responseStream);
    const valid = [
      GetParameterRequest.encode(GetParameterRequest.fromPartial({ key: 'k' })).finish(),
      SetParameterRequest.encode(
        SetParameterRequest.fromPartial({ key: 'k', requestId: 'r', labels: new Map([['a', 'b']]) as never }),
      ).finish(),
      CommitRequest.encode(
        CommitRequest.fromPartial({ operations: [setOf('k', int(1)), setOf('l', int(1))] as never }),
      ).finish(),
    ];
    const before = (await storedLog(fleet.databaseUrl)).at(-1)?.revision ?? 0n;
    const counts = new Map<string, number>();
    let written = 0;
    const ask = (path: string, bytes: Uint8Array) =>
      new Promise<ServiceError | undefined>((resolve) => {
        client.makeUnaryRequest(
          path,
          () => Buffer.from(bytes),
          (answer) => answer,
          { deadline: Date.now() + 8000 },
          (error) => resolve(error ?? undefined),
        );
      });
    const warm = Array.from({ length: 300 }, () => ask(methods[0]!.path, randomBytes(40)));
    await Promise.all(warm);
    const residentBefore = residentBytes();
    for (let round = 0; round < campaignMs(30); round++) {
      await Promise.all(
        Array.from({ length: 50 }, async (_, at) => {
          const { path } = methods[at % methods.length]!;
          const bytes = at % 2 === 0 ? randomBytes(Math.floor(Math.random() * 200)) : mutated(valid[at % 3]!);
          const error = await ask(path, bytes);
          const name = error === undefined ? 'OK' : status[error.code]!;
          counts.set(name, (counts.get(name) ?? 0) + 1);
          const writes = /Set|Delete|Commit/.test(path);
          if (error === undefined && writes) written += 1;
        }),
      );
    }
    client.close();
    console.log(`      ${[...counts].map(([name, count]) => `${count} ${name}`).join(', ')}`);
    for (const name of ['INTERNAL', 'UNKNOWN', 'UNAVAILABLE', 'DEADLINE_EXCEEDED'])
      expect(counts.get(name), name).to.equal(undefined);
    const log = await storedLog(fleet.databaseUrl);
    const changed = log.filter(({ revision }) => revision > before);
    expect(new Set(changed.map(({ revision }) => revision)).size).to.be.at.most(written);
    expect(residentBytes() - residentBefore).to.be.below(60 * MIB);
    expect((await victim.set({ key: 'after', value: int(1) })).parameter!.key).to.equal('after');
  });

  it('C15: bytes that are no HTTP/2, and connections that say nothing, harm nobody', async () => {
    const [host, port] = victim.target.split(':') as [string, string];
    const sockets = Array.from({ length: 60 }, (_, at) => {
      const socket = connect(Number(port), host);
      socket.on('error', () => {}).resume();
      if (at % 3 === 0) socket.write(randomBytes(500));
      if (at % 3 === 1)
        socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), randomBytes(300)]));
      return socket;
    });
    const closed = sockets
      .filter((_, at) => at % 3 < 2)
      .map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
    expect((await victim.set({ key: 'meanwhile', value: int(1) })).parameter!.key).to.equal('meanwhile');
    await Promise.all(closed);
    for (const socket of sockets) socket.destroy();
    expect((await victim.get({ key: 'meanwhile' })).parameter!.key).to.equal('meanwhile');
  });
});

function randomBytes(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => Math.floor(Math.random() * 256)));
}

/** With some bytes turned, cut off or doubled. */
function mutated(bytes: Uint8Array): Buffer {
  const result = Buffer.from(bytes);
  for (let turns = 0; turns < 1 + Math.random() * 3; turns++) {
    const at = Math.floor(Math.random() * result.length);
    result[at] = Math.floor(Math.random() * 256);
  }
  const cut = Math.random() < 0.3 ? Math.floor(Math.random() * result.length) : result.length;
  return Buffer.concat([result.subarray(0, cut), Math.random() < 0.1 ? result : Buffer.alloc(0)]);
}
