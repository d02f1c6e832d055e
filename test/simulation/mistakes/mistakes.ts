import { cacheMistakes } from './cache-mistakes.ts';
import type { Mistake } from './mistake.ts';
import { tailerMistakes } from './tailer-mistakes.ts';
import { watchMistakes } from './watch-mistakes.ts';
import { writeMistakes } from './write-mistakes.ts';

/** All that is put back, one at a time. */
export const MISTAKES: readonly Mistake[] = [...cacheMistakes, ...tailerMistakes, ...writeMistakes, ...watchMistakes];

/** @throws Error */
export function mistakeNamed(name: string): Mistake {
  const mistake = MISTAKES.find((other) => other.name === name);
  if (mistake !== undefined) return mistake;
  throw new Error(`there is no mistake "${name}"; there are: ${MISTAKES.map((other) => other.name).join(', ')}`);
}
