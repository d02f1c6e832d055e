import { styleText } from 'node:util';
import stringWidth from 'string-width';
import type { Timestamp } from '../../gen/google/protobuf/timestamp.ts';
import { Tier } from '../../gen/parameter/v1/freshness.ts';
import type { Parameter, Value } from '../../gen/parameter/v1/parameter.ts';
import { apiNameOf, formatValue, kindOf } from '../client/index.ts';
import type { Io } from './io.ts';
import { visible } from './visible.ts';

export const TIERS: Record<number, string> = {
  [Tier.TIER_NEAR_CACHE]: 'near cache',
  [Tier.TIER_SHARED_CACHE]: 'shared cache',
  [Tier.TIER_STORE]: 'store',
};

/** A value on one line, cut if it is long. */
export function preview(value: Value | undefined, charactersMax = 80): string {
  if (value?.kind === undefined) return '(a kind that this version does not know)';
  const text = formatValue(value);
  if (text.length <= charactersMax) return visible(text);
  return `${visible(text.slice(0, charactersMax).toWellFormed())}… (${Buffer.byteLength(text)} bytes)`;
}

/** "int_value" */
export function kindName(parameter: Parameter): string {
  return parameter.value?.kind === undefined ? 'unknown' : apiNameOf(kindOf(parameter.value));
}

/** "12:03:44", in the local time zone. */
export function timeOfDay(time: Timestamp | undefined): string {
  return dateAndTime(time).slice(11);
}

/** "2026-11-23 12:03:44", in the local time zone. */
export function dateAndTime(time: Timestamp | undefined): string {
  if (time === undefined) return '---------- --:--:--';
  const date = new Date(Number(time.seconds) * 1000);
  const [year, ...rest] = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(twoDigits);
  return `${year}-${rest.join('-')} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':')}`;
}

const AGO = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [86_400, 3600, 'h'],
  [30 * 86_400, 86_400, 'd'],
] as const;

/** "3 min ago"; the date if that is more than 30 days, or in the future by a clock that is wrong. */
export function timeAgo(time: Timestamp | undefined, nowMs = Date.now()): string {
  if (time === undefined) return dateAndTime(time);
  const seconds = Math.floor(nowMs / 1000) - Number(time.seconds);
  if (seconds >= -60 && seconds < 1) return 'just now';
  const [, divisor, unit] = AGO.find(([below]) => seconds < below) ?? [];
  if (seconds < 0 || divisor === undefined) return dateAndTime(time);
  return `${Math.floor(seconds / divisor)} ${unit} ago`;
}

/**
 * Rows with their columns aligned as a terminal shows them, and no blanks at the end. Widths only grow from call to
 * call with the same array.
 */
export function columns(rows: readonly (readonly string[])[], widths: number[] = []): string[] {
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, stringWidth(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (i < row.length - 1 ? cell + ' '.repeat((widths[i] ?? 0) - stringWidth(cell)) : cell))
      .join('  ')
      .trimEnd(),
  );
}

/** Colour, where a person looks on and does not mind: FORCE_COLOR, NO_COLOR and TERM=dumb as everywhere. */
export function paint(
  io: Io,
  style: Parameters<typeof styleText>[0],
  text: string,
  stream: 'stdout' | 'stderr' = 'stdout',
): string {
  const plain = text === '' || !coloured(io.env, io[stream].isTTY === true);
  return plain ? text : styleText(style, text, { validateStream: false });
}

function coloured({ FORCE_COLOR, NO_COLOR, TERM }: Io['env'], terminal: boolean): boolean {
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return !/^(0|false)$/.test(FORCE_COLOR);
  return terminal && (NO_COLOR ?? '') === '' && TERM !== 'dumb';
}

function twoDigits(count: number): string {
  return String(count).padStart(2, '0');
}
