import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isRunning, type RunningProcess } from './process.ts';

/** For whoever comes after us, should we be killed. */
export function rememberProcess(path: string, { pid, born }: RunningProcess): void {
  writeFileSync(path, JSON.stringify({ pid, born }));
}

export function forgetProcess(path: string): void {
  rmSync(path, { force: true });
}

/** The one that an earlier run started, if it still runs: surely that one, and not another with its number. */
export function rememberedProcess(path: string): RunningProcess | undefined {
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as RunningProcess;
    return isRunning(found) ? found : undefined;
  } catch {
    return undefined;
  }
}
