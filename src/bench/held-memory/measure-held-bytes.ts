import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Filling, HeldBytes } from './held-bytes.ts';

const PROGRAM = join(import.meta.dirname, `held-bytes${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`);

/** On Linux. @throws Error if it cannot be measured, which that process has told on stderr */
export async function measureHeldBytes(filling: Filling): Promise<HeldBytes> {
  const child = fork(PROGRAM, { execArgv: ['--expose-gc', '--max-semi-space-size=1'] });
  child.send(filling);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a measurement failed (exit code ${code})`);
  });
  ended.catch(() => {});
  return (await Promise.race([once(child, 'message'), ended]))[0];
}
