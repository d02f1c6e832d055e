import type { Parameter } from '../../../gen/parameter/v1/parameter.ts';
import { Failure } from '../failure.ts';
import { type Io, note } from '../io.ts';
import { changedNames } from './environment.ts';
import { type Environment, type Program, passSignals, startProgram } from './program.ts';

export interface RestartingRun {
  readonly argv: readonly string[];
  /** @throws Failure where parameters are no environment */
  readonly environmentOf: (parameters: readonly Parameter[]) => Environment;
  readonly killAfterMs: number;
}

/** Changes that come together restart once. */
const SETTLE_MS = 200;
const NAMES_SHOWN_MAX = 5;
/** Who sends one wants an end, and no new beginning. */
const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGQUIT'];

/**
 * Runs the program with the first state, and anew with a later one that makes another environment.
 * @returns the exit code of the program that ended by itself, or because exec was told to end
 */
export async function runRestarting(
  io: Io,
  states: AsyncIterator<readonly Parameter[]>,
  { argv, environmentOf, killAfterMs }: RestartingRun,
): Promise<number> {
  const first = await states.next();
  let environment = environmentOf(first.value ?? []);
  let wanted = environment;
  let phase = 'running' as 'running' | 'restarting' | 'ending';
  let settling: NodeJS.Timeout | undefined;
  passSignals(
    io,
    () => program,
    (signal) => {
      if (ENDING.includes(signal)) phase = 'ending';
    },
  );
  let program = startProgram(argv, environment);
  const settled = () => {
    settling = undefined;
    const names = changedNames(environment, wanted);
    if (phase !== 'running' || names.length === 0) return;
    phase = 'restarting';
    note(io, `${shown(names)} changed: restarting ${argv[0]}`);
    stop(program, killAfterMs);
  };
  void follow(io, states, environmentOf, (next) => {
    wanted = next;
    settling ??= setTimeout(settled, SETTLE_MS);
  });
  try {
    for (;;) {
      const exitCode = await program.ended;
      if (phase !== 'restarting') return exitCode;
      phase = 'running';
      environment = wanted;
      program = startProgram(argv, environment);
    }
  } finally {
    clearTimeout(settling);
  }
}

/** What makes no environment, or ends the watch, leaves the program as it is. */
async function follow(
  io: Io,
  states: AsyncIterator<readonly Parameter[]>,
  environmentOf: RestartingRun['environmentOf'],
  changed: (environment: Environment) => void,
): Promise<void> {
  try {
    for (let next = await states.next(); !next.done; next = await states.next()) {
      try {
        changed(environmentOf(next.value));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        note(io, `${error.message}; the program keeps the variables that it has`);
      }
    }
  } catch (error) {
    if ((error as Error).name !== 'AbortError') note(io, `changes are no longer seen: ${(error as Error).message}`);
  }
}

function stop(program: Program, killAfterMs: number): void {
  program.tell('SIGTERM');
  const killing = setTimeout(() => program.tell('SIGKILL'), killAfterMs);
  const over = () => clearTimeout(killing);
  program.ended.then(over, over);
}

function shown(names: readonly string[]): string {
  const some = names.slice(0, NAMES_SHOWN_MAX).join(', ');
  return names.length > NAMES_SHOWN_MAX ? `${some} and ${names.length - NAMES_SHOWN_MAX} more` : some;
}
