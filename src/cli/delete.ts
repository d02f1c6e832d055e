import type { Command } from 'commander';
import { DeleteParameterResponse } from '../../gen/parameter/v1/parameter_service.ts';
import type { ParamdClient } from '../client/index.ts';
import { confirmed, counted } from './confirm.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { deleteListed, type Listed, listed } from './delete-listed.ts';
import { EXIT, Failure, repeatable } from './failure.ts';
import { type Io, note, print } from './io.ts';
import { type Output, type WriteOptions, withOutput, withWriteOptions, writeSettings } from './options.ts';
import { protoJson } from './proto-json.ts';
import { visible } from './visible.ts';

interface DeleteOptions extends ConnectionOptions, WriteOptions {
  readonly output: Output;
  readonly allowMissing?: boolean;
  readonly prefix?: string;
  readonly yes?: boolean;
}

export function registerDelete(program: Command, io: Io): void {
  const command = program
    .command('delete')
    .alias('rm')
    .summary('delete a parameter, or all under a prefix')
    .description('Deletes one parameter, or after a question all whose keys begin with a prefix.')
    .argument('[key]')
    .option('--allow-missing', 'no error if it does not exist')
    .option('--prefix <prefix>', 'delete all parameters whose keys begin with it, up to 300 at one revision')
    .option('--yes', 'with --prefix: do not ask');
  withConnection(withOutput(withWriteOptions(command, 'only if it is at this revision')))
    .addHelpText(
      'after',
      `
Examples:
  paramd delete app:config:max_users
  paramd rm app:config:max_users --if-revision 12
  paramd rm --prefix app:old:
  paramd rm --prefix app:old: --yes`,
    )
    .action((key: string | undefined, options: DeleteOptions) => {
      if ((key === undefined) === (options.prefix === undefined)) throw new Failure(EXIT.usage, 'give KEY or --prefix');
      return withClient(io, options, (client, signal) =>
        key === undefined
          ? deletePrefix(io, client, options.prefix ?? '', signal, options)
          : deleteOne(io, client, key, signal, options),
      );
    });
}

async function deleteOne(
  io: Io,
  client: ParamdClient,
  key: string,
  signal: AbortSignal,
  options: DeleteOptions,
): Promise<void> {
  const { ifRevision, allowMissing } = options;
  const settings = { ...writeSettings(options), ifRevision, allowMissing, signal };
  const revision = await repeatable(settings.requestId, client.delete(key, settings));
  if (options.output === 'json') {
    await print(io, protoJson('DeleteParameterResponse', DeleteParameterResponse, { revision }));
  } else if (options.validateOnly) {
    await print(io, `${visible(key)} would be deleted; nothing is written`);
  } else {
    await print(io, `${visible(key)} ${allowMissing ? 'does not exist' : 'deleted'} at revision ${revision}`);
  }
}

async function deletePrefix(
  io: Io,
  client: ParamdClient,
  prefix: string,
  signal: AbortSignal,
  options: DeleteOptions,
): Promise<void> {
  if (options.ifRevision !== undefined) throw new Failure(EXIT.usage, '--if-revision is for one key');
  if (options.requestId !== undefined) throw new Failure(EXIT.usage, '--request-id is for one key');
  const parameters: Listed[] = [];
  for await (const page of listed(client, prefix, signal)) parameters.push(...page);
  const what = counted(parameters.length, visible(prefix));
  const nothing = options.validateOnly || parameters.length === 0;
  if (!nothing && !options.yes && !(await confirmed(io, `delete ${what}?`, signal))) {
    throw new Failure(EXIT.error, 'nothing is deleted');
  }
  const revision = nothing ? 0n : await deleteAll(io, client, parameters, signal);
  if (options.output === 'json') {
    await print(io, protoJson('DeleteParameterResponse', DeleteParameterResponse, { revision }));
  } else {
    await print(
      io,
      nothing ? `${what} would be deleted; nothing is written` : `${what} deleted at revision ${revision}`,
    );
  }
}

/** @returns the last revision. What ends it in the middle is told with how far it came. */
async function deleteAll(
  io: Io,
  client: ParamdClient,
  parameters: readonly Listed[],
  signal: AbortSignal,
): Promise<bigint> {
  const deleted = { count: 0, revision: 0n };
  try {
    await deleteListed(client, parameters, signal, (count, revision) => {
      deleted.count += count;
      deleted.revision = revision;
    });
  } catch (error) {
    if (deleted.count > 0) note(io, `ended with ${deleted.count} of ${counted(parameters.length)} deleted`);
    throw error;
  }
  return deleted.revision;
}
