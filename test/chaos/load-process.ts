import { type ChildProcess, fork } from 'node:child_process';
import { resolve } from 'node:path';
import { eventually } from '../e2e/eventually.ts';

/** A program that makes load in a process of its own, so that neither the traffic nor its clock suffers from it. */
export interface LoadProcess<Told> {
  readonly pid: number;
  /** What it told last. */
  readonly told: Told | undefined;
  /** Waits until what it tells is so. */
  until(holds: (told: Told) => boolean, msMax?: number): Promise<Told>;
  send(word: object): void;
  stop(): Promise<void>;
}

/** @param program beside this file @param work its arguments, as JSON */
export function startLoad<Told>(program: string, work: object): LoadProcess<Told> {
  const child: ChildProcess = fork(resolve('test/chaos', program), [JSON.stringify(work)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let told: Told | undefined;
  let ended: string | undefined;
  child.on('message', (message) => {
    told = message as Told;
  });
  const gone = new Promise<void>((done) => {
    child.once('exit', (code, signal) => {
      ended = signal ?? `exit code ${code}`;
      done();
    });
  });
  return {
    pid: child.pid!,
    get told() {
      return told;
    },
    until: async (holds, msMax) => {
      await eventually(() => {
        if (told !== undefined && holds(told)) return true;
        if (ended !== undefined) throw new Error(`${program} ended with ${ended}`);
        return false;
      }, msMax);
      return told!;
    },
    send: (word) => void child.send(word),
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** In the program itself: its work, and how it tells. It ends when the one who started it does. */
export function loadWork<Work>(): { readonly work: Work; tell(told: object): void } {
  process.once('disconnect', () => process.exit());
  return { work: JSON.parse(process.argv[2]!) as Work, tell: (told) => void process.send?.(told) };
}
