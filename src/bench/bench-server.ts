import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerOrder, ServerReady } from './server-process.ts';

export interface BenchServer {
  readonly target: string;
  /** What the process has used since its start; undefined where the system does not tell. */
  cpuMs(): number | undefined;
  /** What it holds of the machine's memory; undefined where the system does not tell. */
  residentBytes(): number | undefined;
  /** Of those that it tells Prometheus. @throws Error if there is none of that name */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

export interface ServerSettings {
  /** Where the server leaves a CPU profile when it ends. */
  readonly profileFolder?: string | undefined;
  /** The only one that it may use; undefined: those of this process. */
  readonly core?: number | undefined;
}

export async function startBenchServer(order: ServerOrder, settings: ServerSettings = {}): Promise<BenchServer> {
  const { profileFolder, core } = settings;
  const profiling = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const child = fork(
    join(import.meta.dirname, `server-process${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`),
    {
      ...(core === undefined
        ? { execArgv: profiling }
        : { execPath: 'taskset', execArgv: ['-c', String(core), process.execPath, ...profiling] }),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { PATH: process.env.PATH },
    },
  );
  const ended = once(child, 'exit');
  child.send(order);
  const ready = (await Promise.race([once(child, 'message'), ended.then(() => [undefined])]))[0];
  if (ready === undefined) throw new Error(`a server of the benchmark did not start (exit code ${child.exitCode})`);
  const { port, httpPort } = ready as ServerReady;
  return {
    target: `127.0.0.1:${port}`,
    ...observed(child.pid!, `127.0.0.1:${httpPort ?? port}`),
    stop: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** What the system tells of a process, and it of itself over HTTP. */
export function observed(pid: number, http: string): Pick<BenchServer, 'cpuMs' | 'residentBytes' | 'metric'> {
  return {
    cpuMs: () => cpuMsOf(pid),
    residentBytes: () => residentBytesOf(pid),
    metric: (name) => metricOf(http, name),
  };
}

async function metricOf(http: string, name: string): Promise<number> {
  const metrics = await (await fetch(`http://${http}/metrics`)).text();
  const [, value] = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(metrics) ?? [];
  if (value === undefined) throw new Error(`a server of the benchmark has no ${name}`);
  return Number(value);
}

function residentBytesOf(pid: number): number | undefined {
  try {
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
  } catch {
    return undefined;
  }
}

/** Linux counts in ticks of 10 ms. */
function cpuMsOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return undefined;
  }
}
