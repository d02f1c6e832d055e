import type { ParamdClient } from '../../client/index.ts';
import type { Listed } from '../delete-listed.ts';
import { type Io, note } from '../io.ts';
import { bar, type Progress, rate, timeLeft } from '../progress.ts';
import type { CheckedFile } from './check-file.ts';
import { type ComparedChunk, comparedChunks, type Rules } from './compare.ts';
import type { Difference } from './difference.ts';
import { toPrune } from './prune.ts';
import { newTally, type Tally, tallyText } from './tally.ts';

export interface ImportRun {
  readonly client: ParamdClient;
  readonly file: CheckedFile;
  readonly rules: Rules;
  /** Under this prefix remains what is in the file. */
  readonly prune: string | undefined;
  readonly signal: AbortSignal;
}

/** What is done with what differs: it is shown, or written. */
export interface Deed {
  /** @param done told of each part, with its revision if it has one */
  differences(chunk: ComparedChunk, done: (some: readonly Difference[], revision: bigint) => void): Promise<void>;
  prune(parameters: readonly Listed[], done: (count: number, revision: bigint) => void): Promise<void>;
}

/** Goes through the file, then through what is to be pruned. What ends it in the middle is told with how far it came. */
export async function runImport(io: Io, run: ImportRun, deed: Deed, progress: Progress): Promise<Tally> {
  const tally = newTally();
  const at = { line: 0 };
  try {
    await importLines(run, deed, progress, tally, at);
    if (run.prune !== undefined) {
      for await (const some of toPrune(run, run.prune)) {
        await deed.prune(some, (count, revision) => {
          tally.deleted += count;
          tally.revision = revision;
        });
      }
    }
  } catch (error) {
    progress.clear();
    const way = 'the same import, run again, goes on there';
    if (tally.revision > 0n) note(io, `ended after line ${at.line} with ${tallyText(tally)}; ${way}`);
    throw error;
  }
  progress.clear();
  return tally;
}

async function importLines(
  { client, file, rules, signal }: ImportRun,
  deed: Deed,
  progress: Progress,
  tally: Tally,
  at: { line: number },
): Promise<void> {
  const begunMs = performance.now();
  let count = 0;
  for await (const chunk of comparedChunks(client, file, rules, signal)) {
    let differing = 0;
    await deed.differences(chunk, (some, revision) => {
      const created = some.filter(({ current }) => current === undefined).length;
      tally.created += created;
      tally.changed += some.length - created;
      tally.revision = revision;
      differing += some.length;
      at.line = some.at(-1)?.line.number ?? at.line;
    });
    tally.unchanged += chunk.lines.length - differing;
    count += chunk.lines.length;
    const { number, endByte } = chunk.lines.at(-1) ?? { number: at.line, endByte: 0 };
    at.line = number;
    const share = endByte / file.bytes;
    progress.show(() => `${bar(share)}  ${rate(count, begunMs)}  ${timeLeft(share, begunMs)}`);
  }
}
