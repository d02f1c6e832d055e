import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../src/embedded/free-port.ts';
import { openRpc } from '../e2e/rpc.ts';
import { startProxy } from '../support/proxy.ts';
import type { LogLine, SiteReplica } from './site.ts';

export interface SiteReplicaOptions {
  readonly name: string;
  /** Straight to the servers: the replica gets them by way of its own proxies. */
  readonly databaseUrl: string;
  readonly valkeyUrl: string;
  /** Environment, over the site's own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default true. False: it has its addresses and links, and no process yet. */
  readonly start?: boolean;
}

const READY_MS_MAX = 60_000;
const READY_LOOK_MS = 5;
const METRICS_MS_MAX = 5000;
const COMPLAINT_CHARACTERS_MAX = 2000;
const THIS_BUILD = 'bin/paramd.js';

const OWN_SETTINGS = {
  PARAMD_READ_POOL_CONNECTIONS: '4',
  PARAMD_DRAIN_MS: '3000',
  PARAMD_JOBS: 'off',
  PARAMD_LOG_LEVEL: 'info',
  PARAMD_LOG_FORMAT: 'json',
  PARAMD_LOG_CALLS: 'off',
};

/** One life of the process. */
interface Life {
  readonly child: ChildProcess;
  /** "exit code 0", or the signal. */
  readonly ended: Promise<string>;
  hasEnded: boolean;
  endAnnounced: boolean;
}

/** @param closing what undoes it is added here; run it in reverse, also after a failure */
export async function startSiteReplica(
  options: SiteReplicaOptions,
  closing: (() => Promise<void>)[],
): Promise<SiteReplica> {
  const { name, databaseUrl, valkeyUrl } = options;
  const grpcPort = await freePort();
  const httpPort = await freePort();
  const proxyTo = async (port: number) => {
    const proxy = await startProxy(port);
    closing.push(() => proxy.close());
    return proxy;
  };
  const links = {
    clients: await proxyTo(grpcPort),
    store: await proxyTo(Number(new URL(databaseUrl).port)),
    valkey: await proxyTo(Number(new URL(valkeyUrl).port)),
  };
  const rpc = openRpc(`127.0.0.1:${links.clients.port}`);
  const direct = openRpc(`127.0.0.1:${grpcPort}`);
  const environment = {
    PATH: process.env.PATH ?? '',
    TMPDIR: process.env.TMPDIR ?? '/tmp',
    ...OWN_SETTINGS,
    PARAMD_REPLICA_ID: name,
    DATABASE_URL: links.store.through(databaseUrl),
    VALKEY_URL: links.valkey.through(valkeyUrl),
    PARAMD_LISTEN: `127.0.0.1:${grpcPort}`,
    PARAMD_HTTP_LISTEN: `127.0.0.1:${httpPort}`,
    ...options.settings,
  };
  const log: LogLine[] = [];
  const unexpectedExits: string[] = [];
  let life: Life | undefined;

  function live(settings: Readonly<Record<string, string>>, program: string): Life {
    const child = spawn(process.execPath, [program, 'serve'], {
      env: { ...environment, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface(child.stdout!).on('line', (line) => log.push(parsed(line)));
    let complaint = '';
    child.stderr!.on('data', (chunk) => {
      complaint = `${complaint}${chunk}`.slice(-COMPLAINT_CHARACTERS_MAX);
    });
    const begun: Life = {
      child,
      hasEnded: false,
      endAnnounced: false,
      ended: new Promise((resolve) => {
        child.once('exit', (code, signal) => {
          const how = signal ?? `exit code ${code}`;
          begun.hasEnded = true;
          if (!begun.endAnnounced) unexpectedExits.push(`${name} ended with ${how}: ${complaint}`);
          resolve(how);
        });
      }),
    };
    return begun;
  }

  function present(): Life {
    if (life === undefined || life.hasEnded) throw new Error(`${name} does not run`);
    return life;
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<string> {
    const ending = present();
    ending.endAnnounced = true;
    ending.child.kill(signal);
    return ending.ended;
  }

  async function ready(): Promise<void> {
    const waiting = life!;
    const startedAtMs = performance.now();
    while (!(await saysReady(httpPort))) {
      if (waiting.hasEnded) throw new Error(`${name} ended before it was ready: ${await waiting.ended}`);
      if (performance.now() - startedAtMs > READY_MS_MAX) throw new Error(`${name} is not ready in ${READY_MS_MAX} ms`);
      await sleep(READY_LOOK_MS);
    }
  }

  closing.push(async () => {
    rpc.close();
    direct.close();
    if (life !== undefined && !life.hasEnded) await end('SIGKILL');
  });

  const replica: SiteReplica = {
    name,
    rpc,
    direct,
    links,
    get pid() {
      return present().child.pid!;
    },
    get running() {
      return life !== undefined && !life.hasEnded;
    },
    log,
    unexpectedExits,
    kill: async () => {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
    start: async (settings = {}, program = THIS_BUILD) => {
      if (replica.running) throw new Error(`${name} runs already`);
      const startedAtMs = performance.now();
      life = live(settings, program);
      await ready();
      return performance.now() - startedAtMs;
    },
    freeze: () => void present().child.kill('SIGSTOP'),
    thaw: () => void present().child.kill('SIGCONT'),
    readiness: async () => (await page(httpPort, 'readyz')).trim(),
    metric: async (metric) => sumOf(metric, await page(httpPort, 'metrics')),
  };
  if (options.start !== false) await replica.start();
  return replica;
}

async function saysReady(httpPort: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/readyz`, { signal: AbortSignal.timeout(METRICS_MS_MAX) });
    await answer.text();
    return answer.status === 200;
  } catch {
    return false;
  }
}

async function page(httpPort: number, name: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/${name}`, { signal: AbortSignal.timeout(METRICS_MS_MAX) });
  return answer.text();
}

/** Over all labels; a metric that is not there is an error, as its name may be misspelt. */
function sumOf(metric: string, text: string): number {
  const values = [...text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map(([, value]) =>
    Number(value),
  );
  if (values.length === 0) throw new Error(`there is no metric ${metric}`);
  return values.reduce((sum, value) => sum + value, 0);
}

function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line };
  }
}
