import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';

// Two files of at most this much, and what one run writes: our servers log little.
const logBytesMax = 4 * 1024 * 1024;
const tailLines = 5;

export interface ServerLog {
  /** To hand to the child. */
  readonly handle: number;
  /** The last lines since it was opened. */
  tail(): string;
  close(): void;
}

export function openServerLog(path: string): ServerLog {
  if (bytesOf(path) > logBytesMax) renameSync(path, `${path}.1`);
  const handle = openSync(path, 'a', 0o600);
  const from = bytesOf(path);
  return {
    handle,
    tail: () => readFileSync(path).subarray(from).toString().trim().split('\n').slice(-tailLines).join('\n'),
    close: () => closeSync(handle),
  };
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
