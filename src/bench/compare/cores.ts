import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** One core for all servers, another for the load, so that neither takes from the other. */
export interface Cores {
  readonly servers: number;
  readonly load: number;
  /** Used by nobody else. */
  readonly spare: number | undefined;
}

/** Undefined where there is no `taskset`, or but one core: then they contend, and the report says so. */
export function splitCores(): Cores | undefined {
  try {
    execFileSync('taskset', ['-V'], { stdio: 'ignore' });
    const [servers, load, spare] = allowedCores(readFileSync('/proc/self/status', 'latin1'));
    return servers === undefined || load === undefined ? undefined : { servers, load, spare };
  } catch {
    return undefined;
  }
}

/** From now on this process and all that it starts use this core alone. */
export function stayOn(core: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(core), String(process.pid)], { stdio: 'ignore' });
}

/** "Cpus_allowed_list: 0-1,4" → 0, 1, 4 */
export function allowedCores(status: string): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((part) => {
    const [from = Number.NaN, to = from] = part.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
