import { createInterface } from 'node:readline/promises';
import { EXIT, Failure } from './failure.ts';
import type { Io } from './io.ts';
import { visible } from './visible.ts';

/** Asks at the terminal. @throws Failure if there is none, since nobody could answer */
export async function confirmed(io: Io, question: string, signal: AbortSignal): Promise<boolean> {
  if (io.stdin.isTTY !== true) throw new Failure(EXIT.usage, `${question} Nobody is there to ask: add --yes`);
  const asking = createInterface({ input: io.stdin, output: io.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`${visible(question)} [y/N] `, { signal })).trim());
  } finally {
    asking.close();
  }
}

/** "450 parameters under app:old:" */
export function counted(count: number, prefix = ''): string {
  return `${count} parameter${count === 1 ? '' : 's'}${prefix === '' ? '' : ` under ${prefix}`}`;
}
