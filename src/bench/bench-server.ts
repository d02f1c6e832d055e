import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerOrder, ServerReady } from './server-process.ts';

export interface BenchServer {
  readonly target: string;
  /** What the process has used since its start; undefined where the system does not tell. */
  cpuMs(): number | undefined;
  stop(): Promise<void>;
}

/** @param profileFolder where the server leaves a CPU profile when it ends */
export async function startBenchServer(order: ServerOrder, profileFolder?: string): Promise<BenchServer> {
  const child = fork(
    join(import.meta.dirname, `server-process${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`),
    {
      execArgv: profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { PATH: process.env.PATH },
    },
  );
  const ended = once(child, 'exit');
  child.send(order);
  const ready = (await Promise.race([once(child, 'message'), ended.then(() => [undefined])]))[0];
  if (ready === undefined) throw new Error(`a server of the benchmark did not start (exit code ${child.exitCode})`);
  return {
    target: `127.0.0.1:${(ready as ServerReady).port}`,
    cpuMs: () => cpuMsOf(child.pid!),
    stop: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
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
