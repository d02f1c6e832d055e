import type { Violation } from '../history/history.ts';
import { simulate } from './simulate.ts';

const STORY_LINES_MAX = 60;
const VIOLATIONS_TOLD_MAX = 5;
/** Faults, servers and violations: of any violation's story. */
const SCENE = /^ *[\d.]+ (\*\*|!!|pg)/;

/** What a failing seed has to say: the violations, and what led to the first, of the keys that it names. */
export async function tellFailure(seed: number, violations: readonly Violation[]): Promise<string> {
  const lines: string[] = [];
  await simulate(seed, { trace: (line) => lines.push(line) });
  const told = violations
    .slice(0, VIOLATIONS_TOLD_MAX)
    .map(({ promise, kind, message }) => `${promise} ${kind}: ${message}`);
  const keys = new Set(violations[0]?.message.match(/\b[abc](:\d)?\b/g));
  const concerns = (line: string) => SCENE.test(line) || [...keys].some((key) => line.includes(` ${key}`));
  const end = lines.findIndex((line) => line.includes(' !! '));
  const story = lines
    .slice(0, end + 1)
    .filter(concerns)
    .slice(-STORY_LINES_MAX);
  const more = violations.length > VIOLATIONS_TOLD_MAX ? [`… and ${violations.length - VIOLATIONS_TOLD_MAX} more`] : [];
  return [
    `seed ${seed}:`,
    ...told,
    ...more,
    '',
    ...story,
    '',
    `all of it: npm run sim -- --from ${seed} --seeds 1 --trace`,
  ].join('\n');
}
