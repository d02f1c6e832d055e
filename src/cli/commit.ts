import type { Command } from 'commander';
import { CommitResponse } from '../../gen/parameter/v1/parameter_service.ts';
import type { CommitOperation } from '../client/index.ts';
import { type Assignment, assignment, type Condition, condition, operationsOf } from './commit/flags.ts';
import { type WrittenCommit, writtenCommit } from './commit/written-commit.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { EXIT, Failure, repeatable } from './failure.ts';
import { type Io, print } from './io.ts';
import { collected, type Output, type WriteOptions, withOutput, withRequestId, writeSettings } from './options.ts';
import { protoJson } from './proto-json.ts';
import { kindName, preview } from './render.ts';
import { readValueSource, textOf } from './value-source.ts';
import { visible } from './visible.ts';

interface CommitOptions extends ConnectionOptions, WriteOptions {
  readonly output: Output;
  readonly file?: string;
  readonly if?: readonly Condition[];
  readonly set?: readonly Assignment[];
  readonly delete?: readonly string[];
  readonly allowMissing?: boolean;
}

/** A message that the server takes has at most 4 MiB, and is larger in JSON. */
const REQUEST_BYTES_MAX = 16 << 20;

export function registerCommit(program: Command, io: Io): void {
  const command = program
    .command('commit')
    .summary('write several parameters together')
    .description('Does all operations at one revision if all conditions hold, else nothing.')
    .argument('[request]', 'a CommitRequest in canonical ProtoJSON instead of options; - reads it from stdin')
    .option('--file <path>', 'read the request from a file')
    .option(
      '--if <key@revision>',
      'only if the parameter is at this revision; 0: does not exist; repeatable',
      condition,
    )
    .option('--set <key=value>', 'set a parameter, its kind as `paramd set` finds it; repeatable', assignment)
    .option('--delete <key>', 'delete a parameter; repeatable', collected)
    .option('--allow-missing', 'with --delete: no error if one does not exist');
  withConnection(withOutput(withRequestId(command)))
    .addHelpText(
      'after',
      `
A key ends at the first = of --set, and at the last @ of --if. What options cannot say (kinds, labels, keys with =), a
request can: operations are {"set":{…}} or {"delete":{…}}, with the fields of parameter_service.proto.

Examples:
  paramd commit --set app:config:mode=fast --set app:config:max_users=200
  paramd commit --if app:config:max_users@12 --set app:config:max_users=300 --delete app:config:mode
  paramd commit '{"operations":[{"set":{"key":"app:config:ratio","value":{"doubleValue":0.5}}}]}'
  paramd commit --file request.json --validate-only`,
    )
    .action((argument: string | undefined, options: CommitOptions) =>
      withClient(io, options, async (client, signal) => {
        const limit = { bytesMax: REQUEST_BYTES_MAX, line: 'larger than any request' };
        const source = await readValueSource(io, argument, options.file, signal, limit);
        const flagged = [options.if, options.set, options.delete].some((given) => given !== undefined);
        if ((source === undefined) === !flagged) {
          throw new Failure(EXIT.usage, 'give a request, or --set, --delete and --if; see paramd commit --help');
        }
        const commit: WrittenCommit =
          source === undefined
            ? { operations: await operationsOf(client, options, signal), conditions: options.if ?? [] }
            : writtenCommit(textOf(source));
        const settings = writeSettings({
          requestId: options.requestId ?? commit.requestId,
          validateOnly: options.validateOnly ?? commit.validateOnly,
        });
        const { operations, conditions } = commit;
        const response = await repeatable(
          settings.requestId,
          client.commit(operations, { ...settings, conditions, signal }),
        );
        if (options.output === 'json') await print(io, protoJson('CommitResponse', CommitResponse, response));
        else for (const line of linesOf(operations, response, settings.validateOnly)) await print(io, line);
      }),
    );
}

/** In the order of the operations. */
function linesOf(
  operations: readonly CommitOperation[],
  { parameters, revision }: CommitResponse,
  validateOnly = false,
): readonly string[] {
  const set = new Map(parameters.map((parameter) => [parameter.key, parameter]));
  return operations.map((operation) => {
    if ('delete' in operation) {
      const key = visible(operation.delete);
      return validateOnly ? `${key} would be deleted; nothing is written` : `${key} deleted at revision ${revision}`;
    }
    const parameter = set.get(operation.set);
    const what = `${visible(operation.set)}${parameter === undefined ? '' : ` = ${preview(parameter.value)} (${kindName(parameter)})`}`;
    return validateOnly ? `${what} would be set; nothing is written` : `${what} at revision ${revision}`;
  });
}
