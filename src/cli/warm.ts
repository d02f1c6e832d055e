import type { Command } from 'commander';
import { WarmCacheResponse } from '../../gen/parameter/v1/cache_service.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { type Io, note, print } from './io.ts';
import { count, type Output, withOutput } from './options.ts';
import { protoJson } from './proto-json.ts';

export function registerWarm(program: Command, io: Io): void {
  const command = program
    .command('warm')
    .summary('load parameters into the caches of a replica')
    .description(
      'Loads all parameters under a prefix into the caches of the one replica that answers. Ctrl-C stops it.',
    )
    .argument('[prefix]', 'by default all')
    .option('--rate <count>', 'at most so many keys in a second (default: 5000)', count);
  withConnection(withOutput(command))
    .addHelpText('after', '\nExamples:\n  paramd warm\n  paramd warm app:config: --rate 500')
    .action(
      (
        prefix: string | undefined = '',
        options: ConnectionOptions & { readonly output: Output; readonly rate?: number },
      ) =>
        withClient(io, options, async (client, signal) => {
          for await (const progress of client.warm(prefix, { keysPerSecondMax: options.rate, signal })) {
            const line = `${progress.warmedKeys} keys warmed`;
            if (options.output === 'json') await print(io, protoJson('WarmCacheResponse', WarmCacheResponse, progress));
            else if (progress.complete) await print(io, line);
            else note(io, line);
          }
        }),
    );
}
