import { confirmed, counted } from '../confirm.ts';
import { type Listed, listed } from '../delete-listed.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import type { ImportRun } from './run-import.ts';

/** What is under the prefix and not in the file, as much at once as a page has. */
export async function* toPrune(
  { client, file, signal }: ImportRun,
  prefix: string,
): AsyncGenerator<readonly Listed[], void, undefined> {
  for await (const page of listed(client, prefix, signal)) yield page.filter(({ key }) => !file.keys.has(key));
}

/** Asks before anything is written. @throws Failure unless it may go on */
export async function askToPrune(io: Io, run: ImportRun): Promise<void> {
  if (run.prune === undefined) return;
  let count = 0;
  for await (const some of toPrune(run, run.prune)) count += some.length;
  if (count === 0) return;
  const what = `${counted(count, run.prune)} that the file does not have`;
  if (!(await confirmed(io, `import it and delete ${what}?`, run.signal))) {
    throw new Failure(EXIT.error, 'nothing is written');
  }
}
