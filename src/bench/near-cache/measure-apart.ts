import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ApartAnswers, ApartOrder } from './apart.ts';

const PROGRAM = join(import.meta.dirname, `apart${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`);

/** One measurement in a process of its own. @throws Error if it fails, which that process has told on stderr */
export async function measureApart<K extends Exclude<ApartOrder['kind'], 'idle'>>(
  order: ApartOrder & { readonly kind: K },
  signal: AbortSignal,
): Promise<ApartAnswers[K]> {
  const child = start(order, signal);
  return (await nextAnswer(child)) as ApartAnswers[K];
}

/** Measures while idle caches are open. @throws Error if one of them was not in step */
export async function whileIdle<T>(
  order: ApartOrder & { readonly kind: 'idle' },
  signal: AbortSignal,
  action: () => Promise<T>,
): Promise<T> {
  const child = start(order, signal);
  try {
    await nextAnswer(child);
    const result = await action();
    child.send('end');
    await nextAnswer(child);
    return result;
  } finally {
    child.kill();
  }
}

function start(order: ApartOrder, signal: AbortSignal): ChildProcess {
  signal.throwIfAborted();
  const child = fork(PROGRAM, {
    execArgv: order.kind === 'bytes' ? ['--expose-gc'] : [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH },
    signal,
    killSignal: 'SIGKILL',
  });
  child.on('error', () => {}); // aborted: its end is enough
  child.send(order);
  return child;
}

async function nextAnswer(child: ChildProcess): Promise<unknown> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a measurement failed (exit code ${code})`);
  });
  const answer = once(child, 'message');
  ended.catch(() => {});
  return (await Promise.race([answer, ended]))[0];
}
