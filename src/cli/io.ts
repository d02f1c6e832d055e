import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { visible } from './visible.ts';

/** Where the command line reads and writes. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Aborts at Ctrl-C, at SIGTERM, or when the terminal is closed; told again a while later, the process ends at once.
   * Only a command that asks for it is spared the end of the process; whoever handles signals in another way does not
   * ask.
   */
  interrupted(): AbortSignal;
  /** From now on signals are told to the receiver alone, and neither abort nor end anything. */
  passSignals(receive: (signal: NodeJS.Signals) => void): void;
}

/** A line on stdout. Waits while the reader is behind, so that a slow one holds a stream back. */
export function print(io: Io, line: string): Promise<void> {
  return printText(io, `${line}\n`);
}

/** The same of several lines at once. */
export async function printText(io: Io, text: string): Promise<void> {
  if (!io.stdout.write(text)) await once(io.stdout, 'drain');
}

/** A value on stdout as it is; a terminal gets it without what it would obey. */
export function printValue(io: Io, text: string): Promise<void> {
  return print(io, io.stdout.isTTY === true ? visible(text, 'keep lines') : text);
}

/** A line on stderr: what is no answer but good to know. */
export function note(io: Io, line: string): void {
  io.stderr.write(`paramd: ${visible(line.replaceAll('\n', ' '))}\n`);
}
