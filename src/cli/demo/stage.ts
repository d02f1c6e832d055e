import { setTimeout as sleep } from 'node:timers/promises';
import type { Io } from '../io.ts';
import { paint } from '../render.ts';

/** Text, and how it is painted where there are colours. */
export type Cell = string | { readonly text: string; readonly style: Parameters<typeof paint>[1] };

/** A heading and its width; a negative width is that of a column aligned to the right. */
export type Column = readonly [title: string, width: number];

/** Where the demo is told: in lines of fewer than 100 columns, at the pace of a reader. */
export interface Stage {
  /** A numbered heading, after a pause. */
  scene(title: string): Promise<void>;
  line(...cells: readonly Cell[]): void;
  /** What it means, after an empty line. */
  moral(...lines: readonly string[]): void;
  /** Writes the headings. @returns what writes a row */
  table(columns: readonly Column[]): (...cells: readonly Cell[]) => void;
  /** Gives the reader time. @throws the signal's reason */
  pause(ms: number): Promise<void>;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
  /** Nobody reads along. */
  readonly fast: boolean;
}

const RULE_COLUMNS = 92;
const SCENE_PAUSE_MS = 2000;

export function openStage(io: Io, signal: AbortSignal, fast: boolean): Stage {
  let scenes = 0;
  const write = (text: string) => void io.stdout.write(`${text}\n`);
  const indented = (text: string) => write(text === '' ? '' : `   ${text}`);
  const painted = (cell: Cell, width = 0) => {
    const { text, style } = typeof cell === 'string' ? { text: cell, style: undefined } : cell;
    const padded = width < 0 ? text.padStart(-width) : text.padEnd(width);
    return style === undefined ? padded : paint(io, style, padded);
  };
  const pause = (ms: number) => sleep(fast ? 0 : ms, undefined, { signal });
  return {
    signal,
    fast,
    pause,
    async scene(title) {
      if (scenes > 0) await pause(SCENE_PAUSE_MS);
      signal.throwIfAborted();
      scenes += 1;
      const rule = '─'.repeat(Math.max(3, RULE_COLUMNS - title.length));
      write(
        `\n${paint(io, ['bold', 'cyan'], String(scenes))}  ${paint(io, 'bold', title)} ${paint(io, 'dim', rule)}\n`,
      );
    },
    line: (...cells) => indented(cells.map((cell) => painted(cell)).join('')),
    moral(...lines) {
      write('');
      for (const line of lines) indented(paint(io, 'dim', line));
    },
    table(columns) {
      const row = (...cells: readonly Cell[]) =>
        indented(
          cells
            .map((cell, i) => painted(cell, columns[i]?.[1]))
            .join('   ')
            .trimEnd(),
        );
      row(...columns.map(([text]) => ({ text, style: 'dim' as const })));
      return row;
    },
  };
}

/** "3.4 ms" */
export function milliseconds(ms: number): string {
  return `${ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}
