import { readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, findProcess, type RunningProcess, stopProcess } from './process.ts';

/** SIGINT: disconnect everybody and checkpoint. SIGQUIT: leave at once, recover at the next start. */
const stopSteps = [
  { signal: 'SIGINT', waitMs: 8000 },
  { signal: 'SIGQUIT', waitMs: 3000 },
] as const;

export function stopPostmaster(postmaster: RunningProcess): Promise<void> {
  return stopProcess(postmaster, stopSteps);
}

/**
 * The PostgreSQL that runs on this data. A postmaster.pid whose process is gone is left to PostgreSQL, which deals with
 * it; one whose number now belongs to some other program is removed, since PostgreSQL would refuse to start.
 */
export function findPostmaster(data: string): RunningProcess | undefined {
  const [pid] = postmasterFile(data);
  const found = pid === undefined ? undefined : findProcess(Number(pid));
  if (found === undefined) return undefined;
  if (runsOn(found.pid, data)) return found;
  rmSync(join(data, 'postmaster.pid'), { force: true });
  return undefined;
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

/** A postmaster works in its data folder. */
function runsOn(pid: number, data: string): boolean {
  if (process.platform === 'win32') return true;
  if (process.platform !== 'linux') return commandLine(pid).includes(data);
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
  } catch {
    return false;
  }
}
