import type { Command } from 'commander';
import type { Parameter } from '../../gen/parameter/v1/parameter.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { environmentOf } from './exec/environment.ts';
import { type Environment, passSignals, startProgram } from './exec/program.ts';
import { runRestarting } from './exec/run-restarting.ts';
import { type Following, states } from './exec/states.ts';
import { EXIT, Failure } from './failure.ts';
import { type Io, note } from './io.ts';
import { collected, milliseconds } from './options.ts';
import { checkNamePrefix } from './variables.ts';

/** As for all calls. */
const TIMEOUT_MS = 5000;
const KILL_AFTER_MS = 10_000;

interface ExecOptions extends ConnectionOptions {
  readonly prefix?: readonly string[];
  readonly namePrefix?: string;
  readonly keepEnv?: boolean;
  readonly restart?: boolean;
  readonly killAfter?: number;
}

export function registerExec(program: Command, io: Io): void {
  const command = program
    .command('exec')
    .summary('run a program with parameters as environment variables')
    .description('Runs a program with the parameters under the prefixes, as of one revision, as environment variables.')
    .argument('<command...>', 'the program and its arguments')
    .passThroughOptions()
    .option('--prefix <prefix>', 'parameters whose keys begin with it; repeatable', collected)
    .option('--name-prefix <text>', 'put before all names, APP_ for example')
    .option('--keep-env', 'variables that are set already stay as they are (default: the parameter counts)')
    .option('--restart', 'start the program anew when the variables change')
    .option('--kill-after <duration>', 'with --restart: SIGKILL so long after SIGTERM (default: 10s)', milliseconds);
  withConnection(command)
    .addHelpText(
      'after',
      `
A variable is called as the rest of the key behind the prefix, in capitals, with _ for all that is no letter or digit:
with --prefix app:config: the key app:config:max-users becomes MAX_USERS. Two keys with one name are an error, and so is
a name that decides which programs run (PATH, LD_PRELOAD, NODE_OPTIONS …). Bytes are in base64, lists a JSON array,
durations 1.500s.

The program has the terminal, gets the signals, and its exit code is the one of exec: 128 + n after signal n, 127 if it
is not found, 126 if it cannot be run. Broken connections do not concern it. With --restart its end is the end of exec,
unless it was ended for a change.

Examples:
  paramd exec --prefix app:config: -- env
  paramd exec --prefix app:config: --name-prefix APP_ -- sh -c 'echo $APP_MAX_USERS'
  paramd exec --prefix app:config: --restart -- node server.js`,
    )
    .action(async (argv: string[], options: ExecOptions) => {
      if ((options.prefix ?? []).length === 0) {
        throw new Failure(EXIT.usage, "give --prefix; --prefix '' is all parameters");
      }
      checkNamePrefix(options.namePrefix);
      const exitCode = options.restart ? await runWatching(io, argv, options) : await runOnce(io, argv, options);
      if (exitCode !== EXIT.ok) throw new Failure(exitCode, '');
    });
}

async function runOnce(io: Io, argv: readonly string[], options: ExecOptions): Promise<number> {
  let environment: Environment = {};
  await withClient(io, options, async (client, signal) => {
    for await (const parameters of states(client, followingOf(io, options, signal))) {
      environment = environmentWith(io, parameters, options);
      break;
    }
  });
  passSignals(io, () => program);
  const program = startProgram(argv, environment);
  return program.ended;
}

async function runWatching(io: Io, argv: readonly string[], options: ExecOptions): Promise<number> {
  let exitCode: number = EXIT.error;
  await withClient(io, options, async (client, signal) => {
    const over = new AbortController();
    const following = states(client, followingOf(io, options, AbortSignal.any([signal, over.signal])));
    const environmentOf = (parameters: readonly Parameter[]) => environmentWith(io, parameters, options);
    try {
      exitCode = await runRestarting(io, following, {
        argv,
        environmentOf,
        killAfterMs: options.killAfter ?? KILL_AFTER_MS,
      });
    } finally {
      over.abort();
    }
  });
  return exitCode;
}

function environmentWith(io: Io, parameters: readonly Parameter[], options: ExecOptions): Environment {
  const { prefix: prefixes = [], namePrefix, keepEnv = false } = options;
  return environmentOf(io.env, parameters, { prefixes, namePrefix }, keepEnv);
}

function followingOf(
  io: Io,
  { prefix: prefixes = [], timeout = TIMEOUT_MS }: ExecOptions,
  signal: AbortSignal,
): Following {
  const onLink: Following['onLink'] = (link, why) =>
    note(
      io,
      link === 'whole' ? 'watching again' : `the watch broke (${why}); the program runs on, trying to watch again`,
    );
  return { prefixes, timeoutMs: timeout, signal, onLink };
}
