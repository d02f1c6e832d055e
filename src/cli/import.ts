import type { Command } from 'commander';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { EXIT, Failure } from './failure.ts';
import { checkFile } from './import/check-file.ts';
import { askToPrune } from './import/prune.ts';
import { runImport } from './import/run-import.ts';
import { showing } from './import/showing.ts';
import { openSource } from './import/source.ts';
import { tallyJson, tallyText } from './import/tally.ts';
import { writing } from './import/writing.ts';
import { type Io, note, print } from './io.ts';
import { type Output, withOutput } from './options.ts';
import { openProgress } from './progress.ts';

interface ImportOptions extends ConnectionOptions {
  readonly output: Output;
  readonly dryRun?: boolean;
  readonly ifAbsent?: boolean;
  readonly allowKindChange?: boolean;
  readonly prune?: string;
  readonly yes?: boolean;
}

export function registerImport(program: Command, io: Io): void {
  const command = program
    .command('import')
    .summary('read parameters from a file')
    .description('Makes parameters as JSON lines say, of the kind that `paramd export` writes.')
    .argument('<file>', 'the file; - reads stdin')
    .option('--dry-run', 'show the differences and write nothing')
    .option('--if-absent', 'leave what exists as it is')
    .option('--allow-kind-change', 'also where a parameter is of another kind; its readers must know')
    .option('--prune <prefix>', 'delete what is under the prefix and not in the file, after a question')
    .option('--yes', 'with --prune: do not ask');
  withConnection(withOutput(command))
    .addHelpText(
      'after',
      `
Of a line count key, value, labels and cacheTtl; a parameter gets exactly these labels, and without cacheTtl keeps its
own. The other fields of a Parameter are the server's and ignored; a name that is none is an error. All lines are
checked before anything is written: a bad one, or a key that is there twice, changes nothing. A kind that differs is
found when its line is compared with the server, and ends the import there; a dry run finds it first.

Only what differs is written, up to 300 parameters at one revision. An import that was interrupted can be run again: it
goes on where it ended, and nothing is done twice.

Examples:
  paramd import parameters.jsonl
  paramd import parameters.jsonl --dry-run
  paramd import backup.jsonl --prune app:config: --yes
  echo '{"key":"app:config:max_users","value":{"intValue":"100"}}' | paramd import -`,
    )
    .action((path: string, options: ImportOptions) =>
      withClient(io, options, async (client, signal) => {
        if (options.prune === undefined && options.yes) throw new Failure(EXIT.usage, '--yes is for --prune');
        const rules = { allowKindChange: options.allowKindChange ?? false, ifAbsent: options.ifAbsent ?? false };
        const progress = openProgress(io);
        const file = await openSource(io, path, signal);
        try {
          const run = { client, file: await checkFile(file, progress, signal), rules, prune: options.prune, signal };
          if (!options.dryRun && !options.yes) await askToPrune(io, run);
          const { dryRun, output } = options;
          const tally = await runImport(io, run, dryRun ? showing(io, output) : writing(run), progress);
          if (dryRun) note(io, `${tallyText(tally)}; that is what an import would do, nothing is written`);
          else await print(io, output === 'json' ? tallyJson(tally) : tallyText(tally));
        } finally {
          progress.clear();
          await file.close();
        }
      }),
    );
}
