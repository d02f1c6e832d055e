import { styleText } from 'node:util';
import type { Timestamp } from '../../gen/google/protobuf/timestamp.ts';
import type { Parameter, Value } from '../../gen/parameter/v1/parameter.ts';
import { apiNameOf, formatValue, kindOf } from '../client/index.ts';
import type { Io } from './io.ts';

/** Text on one line, with nothing in it that a terminal would obey or reorder. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

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

/** Rows with their columns aligned; the last one is not padded. Widths only grow from call to call with the same array. */
export function columns(rows: readonly (readonly string[])[], widths: number[] = []): string[] {
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, [...cell].length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (i < row.length - 1 ? cell + ' '.repeat((widths[i] ?? 0) - [...cell].length) : cell))
      .join('  '),
  );
}

/** Colour, where a person looks on and does not mind (NO_COLOR). */
export function paint(io: Io, style: Parameters<typeof styleText>[0], text: string): string {
  if (io.stdout.isTTY !== true || (io.env.NO_COLOR ?? '') !== '') return text;
  return styleText(style, text, { validateStream: false });
}

function twoDigits(count: number): string {
  return String(count).padStart(2, '0');
}
