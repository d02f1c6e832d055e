import { confirmed, counted } from '../confirm.ts';
import { EXIT, Failure } from '../failure.ts';
import { KEYS_MAX } from '../in-halves.ts';
import type { Io } from '../io.ts';
import type { ImportRun } from './run-import.ts';

/** Keys under the prefix that the file does not have, as many at once as a page has; none that are none. */
export async function* keysToPrune(
  { client, file, signal }: ImportRun,
  prefix: string,
): AsyncGenerator<readonly string[], void, undefined> {
  const settings = { keysOnly: true, pageSize: KEYS_MAX, linearizable: true, signal };
  for await (const { parameters } of client.list(prefix, settings)) {
    const keys = parameters.map(({ key }) => key).filter((key) => !file.keys.has(key));
    if (keys.length > 0) yield keys;
  }
}

/** Asks before anything is written. @throws Failure unless it may go on */
export async function askToPrune(io: Io, run: ImportRun): Promise<void> {
  if (run.prune === undefined) return;
  let count = 0;
  for await (const keys of keysToPrune(run, run.prune)) count += keys.length;
  if (count === 0) return;
  const what = `${counted(count, run.prune)} that the file does not have`;
  if (!(await confirmed(io, `import it and delete ${what}?`, run.signal))) {
    throw new Failure(EXIT.error, 'nothing is written');
  }
}
