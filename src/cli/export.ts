import { type Command, Option } from 'commander';
import { Parameter } from '../../gen/parameter/v1/parameter.ts';
import type { ParamdClient, ReadSettings } from '../client/index.ts';
import { writeAtomically } from './atomic-file.ts';
import { counted } from './confirm.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { envLine } from './env-file.ts';
import { EXIT, Failure } from './failure.ts';
import { noteDegraded } from './get.ts';
import { type Io, note, printText } from './io.ts';
import { type ReadOptions, readSettings, withReadOptions } from './options.ts';
import { openProgress, rate } from './progress.ts';
import { protoJson } from './proto-json.ts';
import { checkNamePrefix, variables } from './variables.ts';
import { visible } from './visible.ts';

/** The most that the server puts into a page. */
const PAGE_SIZE = 1000;

interface ExportOptions extends ConnectionOptions, ReadOptions {
  readonly format: 'jsonl' | 'env';
  readonly file?: string;
  readonly namePrefix?: string;
}

export function registerExport(program: Command, io: Io): void {
  const formats = new Option('--format <format>', 'jsonl: a Parameter in canonical ProtoJSON a line; env: NAME=value');
  const command = program
    .command('export')
    .summary('write parameters to a file')
    .description('Writes the parameters whose keys begin with a prefix, in the order of keys, all as of one revision.')
    .argument('[prefix]', 'by default all')
    .addOption(formats.choices(['jsonl', 'env']).default('jsonl'))
    .option('--file <path>', 'to this file, whole or not at all, readable by its owner alone (default: stdout)')
    .option('--name-prefix <text>', 'with env: put before all names');
  withConnection(withReadOptions(command))
    .addHelpText(
      'after',
      `
\`paramd import\` takes JSON lines back. Names of env are made as \`paramd exec\` makes them: the rest of the key in
capitals, with _ for all that is no letter or digit. Its values are quoted so that \`set -a; . file\` in a shell and
parsers of .env files read the same; a value for which there is no such way is an error.

Examples:
  paramd export > parameters.jsonl
  paramd export app:config: --file backup.jsonl
  paramd export app:config: --format env --file .env`,
    )
    .action((prefix: string | undefined = '', options: ExportOptions) =>
      withClient(io, options, async (client, signal) => {
        checkNamePrefix(options.namePrefix);
        if (options.namePrefix !== undefined && options.format !== 'env') {
          throw new Failure(EXIT.usage, '--name-prefix is for --format env');
        }
        const settings = { ...readSettings(options), signal };
        const write = (append: Append) => writePages(io, client, prefix, settings, lineOf(prefix, options), append);
        if (options.file === undefined)
          await write((text) => printText(io, io.stdout.isTTY === true ? visible(text, 'keep lines') : text));
        else await writeAtomically(options.file, write);
      }),
    );
}

type Append = (text: string) => Promise<void>;

/** A page is held at a time, and the next one asked for when this one is written. */
async function writePages(
  io: Io,
  client: ParamdClient,
  prefix: string,
  settings: ReadSettings,
  line: (parameter: Parameter) => string,
  append: Append,
): Promise<void> {
  const progress = openProgress(io);
  const begunMs = performance.now();
  let revision: bigint | undefined;
  let count = 0;
  try {
    for await (const page of client.list(prefix, { ...settings, pageSize: PAGE_SIZE })) {
      revision ??= page.freshness?.revision;
      noteDegraded(io, page.freshness);
      await append(page.parameters.map((parameter) => `${line(parameter)}\n`).join(''));
      count += page.parameters.length;
      progress.show(() => `${count.toLocaleString('en')} parameters, ${rate(count, begunMs)}`);
    }
  } finally {
    progress.clear();
  }
  note(io, `${counted(count, prefix)} as of revision ${revision}`);
}

function lineOf(prefix: string, { format, namePrefix }: ExportOptions): (parameter: Parameter) => string {
  if (format === 'jsonl') return jsonLine;
  const variablesOf = variables({ prefixes: [prefix], namePrefix });
  return (parameter) =>
    variablesOf(parameter)
      .map((variable) => envLine(variable, parameter.value))
      .join('\n');
}

/** Half a parameter in a backup would be found out when it is needed. */
function jsonLine(parameter: Parameter): string {
  if (parameter.value?.kind === undefined) {
    throw new Failure(EXIT.error, `${parameter.key} is of a kind newer than this paramd: update it`);
  }
  return protoJson('Parameter', Parameter, parameter);
}
