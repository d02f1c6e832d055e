import type { Command } from 'commander';
import type { Io } from './io.ts';

export function registerDev(program: Command, _io: Io): void {
  program
    .command('dev')
    .description('run everything on an embedded PostgreSQL and Valkey')
    .action(() => {
      throw new Error('not wired yet');
    });
}
