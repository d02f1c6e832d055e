import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { DeleteParameterResponse } from '../../gen/parameter/v1/parameter_service.ts';
import { type ParamdClient, ParamdRpcError } from '../client/index.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { EXIT, Failure, repeatable } from './failure.ts';
import { type Io, print } from './io.ts';
import { type Output, type WriteOptions, withOutput, withWriteOptions, writeSettings } from './options.ts';
import { protoJson } from './proto-json.ts';

/** Operations in one Commit. */
const OPERATIONS_MAX = 300;

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
    await print(io, `${key} would be deleted; nothing is written`);
  } else {
    await print(io, `${key} ${allowMissing ? 'does not exist' : 'deleted'} at revision ${revision}`);
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
  const keys: string[] = [];
  for await (const page of client.list(prefix, { keysOnly: true, pageSize: 1000, linearizable: true, signal })) {
    keys.push(...page.parameters.map(({ key }) => key));
  }
  const what = `${keys.length} parameter${keys.length === 1 ? '' : 's'}${prefix === '' ? '' : ` under ${prefix}`}`;
  if (options.validateOnly || keys.length === 0) return print(io, `${what} would be deleted; nothing is written`);
  if (!options.yes && !(await confirmed(io, `delete ${what}?`, signal))) {
    throw new Failure(EXIT.error, 'nothing is deleted');
  }
  let revision = 0n;
  for (let at = 0; at < keys.length; at += OPERATIONS_MAX) {
    revision = await deleteTogether(client, keys.slice(at, at + OPERATIONS_MAX), signal);
  }
  if (options.output === 'json') {
    await print(io, protoJson('DeleteParameterResponse', DeleteParameterResponse, { revision }));
  } else {
    await print(io, `${what} deleted at revision ${revision}`);
  }
}

/** At one revision, or, where the values are too large for one, in halves. */
async function deleteTogether(client: ParamdClient, keys: readonly string[], signal: AbortSignal): Promise<bigint> {
  try {
    const operations = keys.map((key) => ({ delete: key, allowMissing: true }));
    return (await client.commit(operations, { signal })).revision;
  } catch (error) {
    const tooLarge = error instanceof ParamdRpcError && error.reason === 'LIMIT_EXCEEDED';
    if (!tooLarge || keys.length === 1) throw error;
    const half = Math.ceil(keys.length / 2);
    await deleteTogether(client, keys.slice(0, half), signal);
    return deleteTogether(client, keys.slice(half), signal);
  }
}

async function confirmed(io: Io, question: string, signal: AbortSignal): Promise<boolean> {
  if (io.stdin.isTTY !== true) throw new Failure(EXIT.usage, `${question} Nobody is there to ask: add --yes`);
  const asking = createInterface({ input: io.stdin, output: io.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    asking.close();
  }
}
