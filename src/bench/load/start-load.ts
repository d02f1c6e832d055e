import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadAnswer, LoadOrder, Round, Run } from './load-order.ts';

export interface LoadProcess {
  /** @throws Error if it could not be done at all; calls that fail are in the round */
  run(run: Run): Promise<Round>;
  stop(): Promise<void>;
}

const PROGRAM = join(import.meta.dirname, `load-process${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`);

/** @param core the only one that it may use, where the system has `taskset` */
export async function startLoad(order: LoadOrder, core: number | undefined): Promise<LoadProcess> {
  const child = fork(PROGRAM, {
    ...(core !== undefined && { execPath: 'taskset', execArgv: ['-c', String(core), process.execPath] }),
    ...(core === undefined && { execArgv: [] }),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH },
  });
  const ended = once(child, 'exit');
  const stop = async () => {
    if (child.connected) child.disconnect();
    await ended;
  };
  const ask = async (question: LoadOrder | Run): Promise<LoadAnswer> => {
    const answer = once(child, 'message');
    child.send(question);
    const [told] = await Promise.race([answer, ended.then(() => [undefined])]);
    if (told === undefined) throw new Error(`a load of the benchmark ended early (exit code ${child.exitCode})`);
    return told as LoadAnswer;
  };
  const told = await ask(order);
  if (told.kind !== 'ready') {
    await stop();
    throw new Error(told.kind === 'failed' ? told.why : `a load of the benchmark answered with ${told.kind}`);
  }
  return {
    run: async (run) => {
      const told = await ask(run);
      if (told.kind === 'round') return told.round;
      throw new Error(told.kind === 'failed' ? told.why : `a load of the benchmark answered with ${told.kind}`);
    },
    stop,
  };
}
