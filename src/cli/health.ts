import type { Command } from 'commander';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { EXIT, Failure } from './failure.ts';
import { type Io, print } from './io.ts';
import { type Output, withOutput } from './options.ts';

export function registerHealth(program: Command, io: Io): void {
  const command = program
    .command('health')
    .summary('tell whether a replica serves')
    .description('Prints serving and ends with 0, or says why not and ends with 5.')
    .option('--service <name>', 'of one service, such as parameter.v1.ParameterService');
  withConnection(withOutput(command))
    .addHelpText('after', '\nExamples:\n  paramd health\n  paramd health --target 10.0.0.7:50051 --timeout 1s')
    .action((options: ConnectionOptions & { readonly output: Output; readonly service?: string }) =>
      withClient(io, options, async (client, signal) => {
        const health = await client.health(options.service ?? '', { signal });
        if (options.output === 'json') await print(io, JSON.stringify({ status: health }));
        else if (health === 'SERVING') await print(io, 'serving');
        if (health !== 'SERVING') throw new Failure(EXIT.unavailable, health.toLowerCase().replaceAll('_', ' '));
      }),
    );
}
