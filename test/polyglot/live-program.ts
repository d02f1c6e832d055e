import { spawn } from 'node:child_process';
import { eventually } from '../e2e/eventually.ts';
import { endOf } from './client.ts';
import { lines } from './lines.ts';

/** Some language's `live_parameter`, running. */
export interface LiveProgram {
  readonly name: string;
  /** All lines so far. */
  readonly shown: readonly string[];
  /** Resolves once that is its last line. */
  shows(line: string): Promise<void>;
  kill(): Promise<void>;
}

/** A dead connection takes 30 s to be found, and the machine may be busy. */
export const SHOWN_MS_MAX = 45_000;

export function startLiveProgram(name: string, program: string, target: string): LiveProgram {
  const child = spawn(program, ['live_parameter'], { env: { ...process.env, PARAMD_TARGET: target } });
  const shown: string[] = [];
  const ended = endOf(child);
  let how: string | undefined;
  ended.then((end) => {
    how = end;
  });
  collect(lines(child.stdout), shown);
  return {
    name,
    shown,
    shows: async (line) => {
      const there = () => shown.at(-1) === line || how !== undefined;
      await eventually(there, SHOWN_MS_MAX).catch(() => {});
      if (how !== undefined) throw new Error(`${name} has ended: ${how}`);
      if (shown.at(-1) !== line) throw new Error(`${name} shows ${JSON.stringify(shown)}, and not at last "${line}"`);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function collect(from: AsyncIterable<string>, into: string[]): Promise<void> {
  for await (const line of from) into.push(line);
}
