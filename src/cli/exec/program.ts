import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { EXIT, Failure } from '../failure.ts';
import type { Io } from '../io.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A program that has our terminal, or whatever is in its place. */
export interface Program {
  /** Its exit code, 128 + n after signal n. @throws Failure if it could not be started */
  readonly ended: Promise<number>;
  tell(signal: NodeJS.Signals): void;
}

export function startProgram([file = '', ...rest]: readonly string[], env: Environment): Program {
  const ended = Promise.withResolvers<number>();
  try {
    const child = spawn(file, rest, { stdio: 'inherit', env });
    child.once('error', (error) => ended.reject(startFailure(file, error)));
    child.once('exit', (code, signal) =>
      ended.resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
    return { ended: ended.promise, tell: (signal) => void child.kill(signal) };
  } catch (error) {
    throw startFailure(file, error);
  }
}

/**
 * To be called before the program starts: it may be sent a signal as soon as it is seen. What is typed at a terminal
 * reaches it by itself, and would come twice.
 */
export function passSignals(io: Io, program: () => Program, heard: (signal: NodeJS.Signals) => void = () => {}): void {
  const terminal = [io.stdin, io.stdout, io.stderr].some(({ isTTY }) => isTTY === true);
  io.passSignals((signal) => {
    heard(signal);
    if (!terminal || !['SIGINT', 'SIGQUIT'].includes(signal)) program().tell(signal);
  });
}

/** With the exit codes that shells have for it. */
function startFailure(file: string, error: unknown): Failure {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new Failure(EXIT.programNotFound, `${file} is not found`, { cause: error });
  if (code === 'E2BIG') {
    const line = 'the variables are larger than a program can be given; choose a longer prefix';
    return new Failure(EXIT.programNotRun, line, { cause: error });
  }
  return new Failure(EXIT.programNotRun, `${file} cannot be run (${code ?? message})`, { cause: error });
}
