import type { Parameter } from '../../../gen/parameter/v1/parameter.ts';
import type { ParamdClient } from '../../client/index.ts';
import { inHalves } from '../in-halves.ts';
import { type CheckedFile, chunksOf } from './check-file.ts';
import { checkKind, type Difference, differenceOf } from './difference.ts';
import type { ParameterLine } from './parameter-line.ts';
import { readAhead } from './read-ahead.ts';

export interface Rules {
  readonly allowKindChange: boolean;
  /** What exists stays as it is. */
  readonly ifAbsent: boolean;
}

/** Part of a file, and what in it differs. */
export interface ComparedChunk {
  readonly lines: readonly ParameterLine[];
  readonly differences: readonly Difference[];
}

/** The whole file; the next chunk is compared while the one before is used. */
export function comparedChunks(
  client: ParamdClient,
  file: CheckedFile,
  rules: Rules,
  signal: AbortSignal,
): AsyncGenerator<ComparedChunk, void, undefined> {
  async function* compared() {
    for await (const lines of chunksOf(file)) {
      yield { lines, differences: await compare(client, lines, rules, signal) };
    }
  }
  return readAhead(compared());
}

/** With what every write acknowledged before has left. @throws Failure if a kind differs and may not */
export async function compare(
  client: ParamdClient,
  lines: readonly ParameterLine[],
  rules: Rules,
  signal: AbortSignal,
): Promise<readonly Difference[]> {
  const current = new Map<string, Parameter>();
  await inHalves(lines, async (some) => {
    const keys = some.map(({ key }) => key);
    const { parameters } = await client.getMany(keys, { linearizable: true, signal });
    for (const parameter of parameters) current.set(parameter.key, parameter);
  });
  const found = lines.flatMap((line) => differenceOf(line, current.get(line.key)) ?? []);
  if (rules.ifAbsent) return found.filter((difference) => difference.current === undefined);
  for (const difference of found) checkKind(difference, rules.allowKindChange);
  return found;
}
