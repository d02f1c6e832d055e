import type { Command } from 'commander';
import type { Io } from './io.ts';

export function registerMigrate(program: Command, _io: Io): void {
  program
    .command('migrate')
    .description('bring the database schema up to date')
    .action(() => {
      throw new Error('not wired yet');
    });
}
