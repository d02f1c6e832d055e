import type { Command } from 'commander';
import { Parameter } from '../../gen/parameter/v1/parameter.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { noteDegraded } from './get.ts';
import { type Io, print } from './io.ts';
import { count, type Output, type ReadOptions, readSettings, withOutput, withReadOptions } from './options.ts';
import { protoJson } from './proto-json.ts';
import { columns, dateAndTime, kindName, paint, preview, visible } from './render.ts';

const VALUE_CHARACTERS_MAX = 48;

interface ListOptions extends ConnectionOptions, ReadOptions {
  readonly output: Output;
  readonly keysOnly?: boolean;
  readonly limit?: number;
}

export function registerList(program: Command, io: Io): void {
  const command = program
    .command('list')
    .alias('ls')
    .summary('list parameters')
    .description('Lists the parameters whose keys begin with a prefix, in the order of keys, all as of one revision.')
    .argument('[prefix]', 'by default all', '')
    .option('--keys-only', 'print keys alone')
    .option('--limit <count>', 'stop after so many', count);
  withConnection(withReadOptions(withOutput(command)))
    .addHelpText(
      'after',
      `
Values are shown on one line and cut if they are long; \`paramd get\` and -o json give them in full.

Examples:
  paramd list app:config:
  paramd ls app: --keys-only
  paramd ls app: -o json | jq -r '[.key, .updatedBy] | @tsv'`,
    )
    .action((prefix: string, options: ListOptions) =>
      withClient(io, options, async (client, signal) => {
        const { limit = Number.POSITIVE_INFINITY, keysOnly } = options;
        const pageSize = Math.min(limit, 1000);
        const show = showing(io, options);
        let left = limit;
        for await (const page of client.list(prefix, { ...readSettings(options), keysOnly, pageSize, signal })) {
          noteDegraded(io, page.freshness);
          for (const line of show(page.parameters.slice(0, left))) await print(io, line);
          left -= page.parameters.length;
          if (left <= 0) break;
        }
      }),
    );
}

/** From pages to lines. */
function showing(io: Io, options: ListOptions): (parameters: readonly Parameter[]) => readonly string[] {
  if (options.output === 'json') {
    return (parameters) => parameters.map((parameter) => protoJson('Parameter', Parameter, parameter));
  }
  if (options.keysOnly) return (parameters) => parameters.map(({ key }) => key);
  const widths: number[] = [];
  let headed = io.stdout.isTTY !== true;
  return (parameters) => {
    const heading = headed || parameters.length === 0 ? [] : [['KEY', 'VALUE', 'KIND', 'REVISION', 'UPDATED', 'BY']];
    headed = true;
    const [first, ...rest] = columns([...heading, ...parameters.map(rowOf)], widths);
    return first === undefined ? [] : [heading.length > 0 ? paint(io, 'bold', first) : first, ...rest];
  };
}

function rowOf(parameter: Parameter): string[] {
  return [
    visible(parameter.key),
    preview(parameter.value, VALUE_CHARACTERS_MAX),
    kindName(parameter),
    String(parameter.revision),
    dateAndTime(parameter.updateTime),
    visible(parameter.updatedBy),
  ];
}
