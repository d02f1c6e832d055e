import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProcess, type RunningProcess } from './process.ts';
import type { RunUser } from './run-user.ts';

export interface ChildOptions {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly user?: RunUser | undefined;
  /** Where its output goes. */
  readonly output: number;
  /** Handed on as descriptor 3. */
  readonly handle?: number | undefined;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Child extends RunningProcess {
  readonly ended: Promise<void>;
  /** How it ended; undefined while it runs. */
  ending(): string | undefined;
  /** From now on it does not keep this process from exiting. */
  unref(): void;
}

// A server must not guess from our environment (PGPORT, LC_*), nor needs it know secrets in there.
const inherited = ['PATH', 'TMPDIR', 'SystemRoot', 'TEMP', 'LD_LIBRARY_PATH'];
const readyPollMs = 5;

/** Whoever exits without having stopped them (a defect, a second Ctrl-C) leaves none behind. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGINT');
});

/**
 * Starts a program in a session of its own: Ctrl-C goes to every process of the terminal's foreground group, and a
 * server must not die before those who use it have drained.
 */
export function startChild(options: ChildOptions): Child {
  const { program, parameters, user, output, handle } = options;
  const environment = Object.fromEntries(
    inherited.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  const child = spawn(program, parameters, {
    cwd: '/',
    detached: true,
    env: { ...environment, LC_ALL: 'C', ...options.environment },
    stdio: ['ignore', output, output, ...(handle === undefined ? [] : [handle])],
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  running.add(child);
  let ending: string | undefined;
  const ended = new Promise<void>((resolve) => {
    const end = (how: string) => {
      ending ??= how;
      running.delete(child);
      resolve();
    };
    child.once('error', (error) => end(error.message));
    child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : signal));
  });
  return { ...identityOf(child), ended, ending: () => ending, unref: () => child.unref() };
}

/** True as soon as `ready` says so; false if the child has ended or the time is over. */
export async function childIsReady(
  child: Child,
  ready: () => boolean | Promise<boolean>,
  waitMs: number,
): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (child.ending() === undefined && performance.now() < deadline) {
    if (await ready()) return true;
    await sleep(readyPollMs);
  }
  return false;
}

/** A child that could not be started or has ended at once has no process any more. */
function identityOf(child: ChildProcess): RunningProcess {
  const pid = child.pid ?? 0;
  return { pid, born: 'never', ...(pid === 0 ? undefined : findProcess(pid)) };
}
