import type { Command } from 'commander';
import { settingsTable } from '../config/describe.ts';
import { loadConfig } from '../config/load-config.ts';
import type { Io } from './io.ts';
import { configured, runReplica } from './replica-process.ts';

export function registerServe(program: Command, io: Io): void {
  program
    .command('serve')
    .summary('run a replica on your own servers')
    .description('Runs one replica on the PostgreSQL of DATABASE_URL or PGHOST, and the Valkey of VALKEY_URL if set.')
    .addHelpText(
      'after',
      () => `
Environment variables:
${settingsTable('plain')}

Example:
  DATABASE_URL=postgres://paramd@db/paramd VALKEY_URL=valkey://cache paramd serve`,
    )
    .action(async () => {
      const config = configured(io, (env) => loadConfig(env, { embeddedAllowed: false }));
      await runReplica({ config, started: () => {}, interrupted: io.interrupted() });
    });
}
