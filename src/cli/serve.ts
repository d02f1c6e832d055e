import type { Command } from 'commander';
import type { Io } from './io.ts';

export function registerServe(program: Command, _io: Io): void {
  program
    .command('serve')
    .description('run a replica')
    .action(() => {
      throw new Error('not wired yet');
    });
}
