import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Compared } from './run-comparison.ts';

/** Digits that mean something. */
const DIGITS = 6;

/** Every round of each comparison. @returns none, if there is no such file */
export function readResults(file: string): readonly Compared[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Compared[]) : [];
}

/** Comparisons that were not run again stay as they are. */
export function writeResults(file: string, compared: readonly Compared[]): void {
  const others = readResults(file).filter(({ name }) => compared.every((one) => one.name !== name));
  const lines = [...others, ...compared].map((one) => JSON.stringify(one, rounded));
  writeFileSync(file, `[\n${lines.join(',\n')}\n]\n`);
}

function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
}
