import type { Command } from 'commander';
import { Parameter } from '../../gen/parameter/v1/parameter.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { noteDegraded } from './get.ts';
import { type Io, print } from './io.ts';
import {
  count,
  labelFilter,
  type Output,
  type ReadOptions,
  readSettings,
  withOutput,
  withReadOptions,
} from './options.ts';
import { protoJson } from './proto-json.ts';
import { columns, dateAndTime, kindName, paint, preview, timeAgo } from './render.ts';
import { visible } from './visible.ts';

const VALUE_CHARACTERS_MAX = 48;

interface ListOptions extends ConnectionOptions, ReadOptions {
  readonly output: Output;
  readonly keysOnly?: boolean;
  readonly label?: ReadonlyMap<string, string | undefined>;
  readonly limit?: number;
}

export function registerList(program: Command, io: Io): void {
  const command = program
    .command('list')
    .alias('ls')
    .summary('list parameters')
    .description('Lists the parameters whose keys begin with a prefix, in the order of keys, all as of one revision.')
    .argument('[prefix]', 'by default all')
    .option('--keys-only', 'print keys alone')
    .option('--label <name=text>', 'only those with this label; name alone: whatever its text; repeatable', labelFilter)
    .option('--limit <count>', 'stop after so many', count);
  withConnection(withReadOptions(withOutput(command)))
    .addHelpText(
      'after',
      `
Values are shown on one line and cut if they are long; \`paramd get\` and -o json give them in full. On a terminal
times are shown as how long ago they were.

Examples:
  paramd list app:config:
  paramd ls app: --keys-only
  paramd ls --label team=checkout
  paramd ls app: -o json | jq -r '[.key, .updatedBy] | @tsv'`,
    )
    .action((prefix: string | undefined = '', options: ListOptions) =>
      withClient(io, options, async (client, signal) => {
        const { limit = Number.POSITIVE_INFINITY, keysOnly } = options;
        const pageSize = options.label === undefined ? Math.min(limit, 1000) : 1000;
        const show = showing(io, options);
        let left = limit;
        for await (const page of client.list(prefix, { ...readSettings(options), keysOnly, pageSize, signal })) {
          noteDegraded(io, page.freshness);
          const chosen = page.parameters.filter((parameter) => hasLabels(parameter, options.label)).slice(0, left);
          for (const line of show(chosen)) await print(io, line);
          left -= chosen.length;
          if (left <= 0) break;
        }
      }),
    );
}

function hasLabels({ labels }: Parameter, wanted: ListOptions['label'] = new Map()): boolean {
  return [...wanted].every(([name, text]) => (text === undefined ? labels.has(name) : labels.get(name) === text));
}

/** From pages to lines. */
function showing(io: Io, options: ListOptions): (parameters: readonly Parameter[]) => readonly string[] {
  if (options.output === 'json') {
    return (parameters) => parameters.map((parameter) => protoJson('Parameter', Parameter, parameter));
  }
  const terminal = io.stdout.isTTY === true;
  if (options.keysOnly) return (parameters) => parameters.map(({ key }) => (terminal ? visible(key) : key));
  const widths: number[] = [];
  let headed = !terminal;
  return (parameters) => {
    const heading = headed || parameters.length === 0 ? [] : [['KEY', 'VALUE', 'KIND', 'REVISION', 'UPDATED', 'BY']];
    headed = true;
    const [first, ...rest] = columns([...heading, ...parameters.map((parameter) => rowOf(io, parameter))], widths);
    return first === undefined ? [] : [heading.length > 0 ? paint(io, 'bold', first) : first, ...rest];
  };
}

function rowOf(io: Io, parameter: Parameter): string[] {
  const { key, value, revision, updateTime, updatedBy } = parameter;
  const about = [
    kindName(parameter),
    String(revision),
    io.stdout.isTTY === true ? timeAgo(updateTime) : dateAndTime(updateTime),
    visible(updatedBy),
  ];
  return [visible(key), preview(value, VALUE_CHARACTERS_MAX), ...about.map((cell) => paint(io, 'dim', cell))];
}
