import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-server.ts';
import {
  commandLine,
  findProcess,
  goneWithin,
  numberIsUsed,
  processesIn,
  type RunningProcess,
  sendSignal,
  stopProcess,
} from './process.ts';

/** SIGINT: disconnect everybody and checkpoint. SIGQUIT: leave at once, recover at the next start. */
const stopSteps = [
  { signal: 'SIGINT', waitMs: 8000 },
  { signal: 'SIGQUIT', waitMs: 3000 },
] as const;
const strayMsMax = 5000;

export function stopPostmaster(postmaster: RunningProcess): Promise<void> {
  return stopProcess(postmaster, stopSteps);
}

/** The PostgreSQL that runs on this data. */
export function findPostmaster(data: string): RunningProcess | undefined {
  const [pid] = postmasterFile(data);
  const found = pid === undefined ? undefined : findProcess(Number(pid));
  return found !== undefined && runsOn(found.pid, data) ? found : undefined;
}

/**
 * PostgreSQL deals with a postmaster.pid whose process is gone. But if the number is another program's by now, or still
 * that of an unreaped process, it would refuse to start. Call this when findPostmaster finds none.
 */
export function removeStalePid(data: string): void {
  const [pid] = postmasterFile(data);
  if (pid !== undefined && numberIsUsed(Number(pid))) rmSync(join(data, 'postmaster.pid'), { force: true });
}

export function postmasterIsReady(data: string, pid: number): boolean {
  const lines = postmasterFile(data);
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

function postmasterFile(data: string): string[] {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return [];
  }
}

/**
 * A killed postmaster's children leave by themselves, but only when their query is done. Until then PostgreSQL would not
 * start. Nothing is lost: it recovers as after any crash.
 */
export async function killStrays(data: string): Promise<void> {
  const strays = processesIn(data).filter(({ pid }) => /^postgres\b|\/postgres$/.test(commandLine(pid)[0] ?? ''));
  for (const stray of strays) sendSignal(stray, 'SIGKILL');
  if (!(await goneWithin(strays, strayMsMax))) throw new EmbeddedError(`processes of PostgreSQL in ${data} do not end`);
}

/** A postmaster works in its data folder. */
function runsOn(pid: number, data: string): boolean {
  if (process.platform === 'win32') return true;
  if (process.platform !== 'linux') return commandLine(pid).includes(data);
  return processesIn(data).some((found) => found.pid === pid);
}
