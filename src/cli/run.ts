import { Command, CommanderError } from 'commander';
import { registerBench } from './bench.ts';
import { registerCommit } from './commit.ts';
import { registerDelete } from './delete.ts';
import { registerDemo } from './demo.ts';
import { registerDev } from './dev.ts';
import { registerExec } from './exec.ts';
import { registerExport } from './export.ts';
import { EXIT, Failure } from './failure.ts';
import { registerGet } from './get.ts';
import { registerHealth } from './health.ts';
import { registerImport } from './import.ts';
import { type Io, note } from './io.ts';
import { registerList } from './list.ts';
import { registerMigrate } from './migrate.ts';
import { packageVersion } from './package-root.ts';
import { registerServe } from './serve.ts';
import { registerSet } from './set.ts';
import { registerStats } from './stats.ts';
import { registerWarm } from './warm.ts';
import { registerWatch } from './watch.ts';

/** Each command is one file; this is where a new one is named. */
const GROUPS: Record<string, readonly ((program: Command, io: Io) => void)[]> = {
  'Parameters:': [registerGet, registerSet, registerDelete, registerCommit, registerList, registerWatch],
  'Files and programs:': [registerExport, registerImport, registerExec],
  'One replica:': [registerHealth, registerStats, registerWarm],
  'Running it:': [registerDemo, registerDev, registerServe, registerMigrate, registerBench],
};

/** @returns the exit code. Never throws; what there is to say has been written. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync([...argv], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if ((error as Error).message !== '') note(io, (error as Error).message);
    return error instanceof Failure ? error.exitCode : EXIT.error;
  }
}

function createProgram(io: Io): Command {
  const program = new Command('paramd')
    .description('A parameter service: PostgreSQL keeps, memory answers, every change is streamed.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) =>
        write(
          `${text
            .trim()
            .replace(/^error: /, 'paramd: ')
            .replaceAll('\n', ' ')}\n`,
        ),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 error, 2 wrong usage, 3 not found, 4 a condition does not hold (revision, kind, existence),
5 unavailable, or not in time, 130 ended by Ctrl-C.

Examples:
  paramd dev                                  (then, in another terminal:)
  paramd set app:config:max_users 100
  paramd get app:config:max_users
  paramd watch app:config:

paramd <command> --help tells more.`,
    );
  for (const [heading, commands] of Object.entries(GROUPS)) {
    program.commandsGroup(heading);
    for (const register of commands) register(program, io);
  }
  return program;
}
