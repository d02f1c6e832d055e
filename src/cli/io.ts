import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

/** Where the command line reads and writes. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Aborts at Ctrl-C, at SIGTERM, or when the terminal is closed; told again a while later, the process ends at once.
   * Only a command that asks for it is spared the end of the process; whoever handles signals in another way does not
   * ask.
   */
  interrupted(): AbortSignal;
}

/** A line on stdout. Waits while the reader is behind, so that a slow one holds a stream back. */
export async function print(io: Io, line: string): Promise<void> {
  if (!io.stdout.write(`${line}\n`)) await once(io.stdout, 'drain');
}

/** A line on stderr: what is no answer but good to know. */
export function note(io: Io, line: string): void {
  io.stderr.write(`paramd: ${line.replaceAll('\n', ' ')}\n`);
}
