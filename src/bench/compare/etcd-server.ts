import { execFileSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { childIsReady, startChild } from '../../embedded/child.ts';
import { freePort } from '../../embedded/free-port.ts';
import { stopProcess } from '../../embedded/process.ts';
import { rememberProcess } from '../../embedded/remembered-process.ts';
import { openServerLog } from '../../embedded/server-log.ts';
import { type BenchServer, observed } from '../bench-server.ts';
import { etcdDialect } from '../load/etcd-dialect.ts';
import { GrpcConnection } from '../load/grpc-connection.ts';
import { keyAt, textAt } from '../load/keys.ts';
import type { Keys } from '../load/load-order.ts';

const READY_MS_MAX = 20_000;
/** Of one transaction, as etcd comes. */
const OPERATIONS_MAX = 128;
const PUTS_IN_FLIGHT = 128;
/** Its own bound for the database would end a long run. */
const QUOTA_BYTES = 8 * 2 ** 30;

/** By PARAMD_BENCH_ETCD or on PATH. @returns undefined if there is none */
export function findEtcd(env: NodeJS.ProcessEnv): { readonly program: string; readonly version: string } | undefined {
  const onPath = (env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'etcd'));
  for (const program of env.PARAMD_BENCH_ETCD === undefined ? onPath : [env.PARAMD_BENCH_ETCD]) {
    try {
      const said = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const version = /^etcd Version: (\S+)/.exec(said)?.[1];
      if (version !== undefined) return { program, version: `etcd ${version}` };
    } catch {
      // Not there, or nothing that runs.
    }
  }
  if (env.PARAMD_BENCH_ETCD === undefined) return undefined;
  throw new Error(`PARAMD_BENCH_ETCD: ${env.PARAMD_BENCH_ETCD} is no etcd that runs`);
}

/** One member, durable as it comes. */
export async function startEtcd(program: string, folder: string): Promise<BenchServer> {
  const [client, peer] = [await freePort(), await freePort()];
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const log = openServerLog(join(folder, 'etcd.log'));
  const child = startChild({
    program,
    parameters: [
      ...['--name', 'bench', '--data-dir', join(folder, 'data'), '--log-level', 'error'],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `bench=${peerUrl}`, '--quota-backend-bytes', String(QUOTA_BYTES)],
    ],
    output: log.handle,
  });
  log.close();
  rememberProcess(join(folder, 'process'), child);
  const target = `127.0.0.1:${client}`;
  const stop = () => stopProcess(child, [{ signal: 'SIGTERM', waitMs: 5000 }]);
  if (!(await childIsReady(child, () => answers(target), READY_MS_MAX))) {
    const complaint = log.tail();
    await stop();
    throw new Error(`${program} does not start (${child.ending() ?? 'no answer'}): ${complaint}`);
  }
  return { target, ...observed(child.pid, target), stop };
}

/** Writes every key once. */
export async function fillEtcd(target: string, keys: Keys): Promise<void> {
  const connection = new GrpcConnection(target);
  for (let first = 0; first < keys.count; first += OPERATIONS_MAX) {
    const count = Math.min(OPERATIONS_MAX, keys.count - first);
    const names = Array.from({ length: count }, (_, i) => keyAt(keys, first + i));
    const { path, request, check } = etcdDialect.writeMany(names, textAt(first));
    check(await connection.call(path, request));
  }
  connection.close();
}

/** So many revisions more, each a put of one of these keys. @returns the first of them */
export async function etcdLog(target: string, keys: Keys, revisions: number, signal: AbortSignal): Promise<number> {
  const connection = new GrpcConnection(target);
  let next = 0;
  const put = async () => {
    const { path, request, check } = etcdDialect.write(keyAt(keys, next % keys.count), textAt(next));
    next++;
    return check(await connection.call(path, request)).revision!;
  };
  const putter = async () => {
    while (next < revisions) {
      signal.throwIfAborted();
      await put();
    }
  };
  const first = await put();
  await Promise.all(Array.from({ length: PUTS_IN_FLIGHT }, putter));
  connection.close();
  return first;
}

async function answers(target: string): Promise<boolean> {
  const connection = new GrpcConnection(target);
  const { path, request } = etcdDialect.list('a', 1);
  const answered = await connection.call(path, request).then(
    () => true,
    () => false,
  );
  connection.close();
  return answered;
}
