import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.ts';
import { type Io, print } from './io.ts';
import { configured } from './replica-process.ts';

export function registerMigrate(program: Command, io: Io): void {
  program
    .command('migrate')
    .summary('bring the database schema up to date')
    .description('Does what `paramd serve` does first, and ends. Safe to run from several places at once.')
    .addHelpText('after', '\nExample:\n  DATABASE_URL=postgres://paramd@db/paramd paramd migrate')
    .action(async () => {
      const config = configured(io, (env) => loadConfig(env, { embeddedAllowed: false }));
      const { migrateSchema } = await import('../main.ts');
      const applied = await migrateSchema(config);
      for (const name of applied) await print(io, `applied ${name}`);
      if (applied.length === 0) await print(io, 'the schema is up to date');
    });
}
