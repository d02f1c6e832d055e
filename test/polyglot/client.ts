import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { lines } from './lines.ts';
import type { Json, Outcome } from './scenario.ts';

/** One call, as the programs of examples/ read it. */
export interface WireStep {
  readonly method: string;
  readonly request?: Json;
  readonly requestBase64?: string;
  readonly takeEvents?: number;
}

export interface Client {
  execute(step: WireStep): Promise<Outcome>;
  /** Once it has ended in good order. */
  close(): Promise<void>;
}

const ANSWER_MS_MAX = 30_000;
const COMPLAINT_CHARACTERS_MAX = 4000;

/** A program that takes steps and gives outcomes, each a line of JSON. */
export function startClient(program: string, target: string): Client {
  const child = spawn(program, ['scenario'], { env: { ...process.env, PARAMD_TARGET: target } });
  const outcomes = lines(child.stdout);
  const ended = endOf(child);
  return {
    execute: async (step) => {
      child.stdin.write(`${JSON.stringify(step)}\n`);
      const { value, done } = await within(outcomes.next(), `${program}: ${step.method}`);
      if (done) throw new Error(`${program} has ended: ${await ended}`);
      return JSON.parse(value) as Outcome;
    },
    close: async () => {
      child.stdin.end();
      try {
        const how = await within(ended, `the end of ${program}`);
        if (how !== 'exit code 0') throw new Error(`${program} ended with ${how}`);
      } finally {
        child.kill('SIGKILL');
      }
    },
  };
}

/** "exit code 0", or how else it ended, with the last of what it complained. */
export function endOf(child: ChildProcessWithoutNullStreams): Promise<string> {
  let complaints = '';
  child.stdin.on('error', () => {}); // it has ended, and `ended` says how
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk).slice(-COMPLAINT_CHARACTERS_MAX);
  });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      resolve([signal ?? `exit code ${code}`, ...(code === 0 ? [] : [complaints])].join('\n'));
    });
  });
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ANSWER_MS_MAX} ms: ${what}`)), ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
