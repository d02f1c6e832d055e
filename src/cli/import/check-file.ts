import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { bar, type Progress } from '../progress.ts';
import { linesOf } from './lines.ts';
import { badLine, type ParameterLine, parameterOf } from './parameter-line.ts';
import { SeenKeys } from './seen-keys.ts';

/** A file in which every line is a parameter, and every key is there once. */
export interface CheckedFile {
  readonly file: FileHandle;
  readonly bytes: number;
  readonly sha256: string;
  readonly keys: SeenKeys;
}

const CHUNK_LINES_MAX = 1000;
const CHUNK_BYTES_MAX = 1 << 20;

/** @throws Failure that names the first bad line */
export async function checkFile(file: FileHandle, progress: Progress, signal: AbortSignal): Promise<CheckedFile> {
  const bytes = (await file.stat()).size;
  const digest = createHash('sha256');
  const keys = new SeenKeys();
  for await (const lines of linesOf(file, (chunk) => digest.update(chunk))) {
    signal.throwIfAborted();
    for (const line of lines) {
      const { number, key } = parameterOf(line);
      if (!keys.add(key)) throw badLine(number, 'the key is in a line before, too; which one holds?', key);
    }
    progress.show(() => `checking ${bar((lines.at(-1)?.endByte ?? 0) / bytes)}`);
  }
  return { file, bytes, sha256: digest.digest('hex'), keys };
}

/** Its parameters, as many as are worth a call. */
export async function* chunksOf({ file }: CheckedFile): AsyncGenerator<readonly ParameterLine[], void, undefined> {
  let chunk: ParameterLine[] = [];
  let bytes = 0;
  for await (const lines of linesOf(file)) {
    for (const line of lines) {
      const full = chunk.length === CHUNK_LINES_MAX || bytes + line.bytes.length > CHUNK_BYTES_MAX;
      if (full && chunk.length > 0) {
        yield chunk;
        chunk = [];
        bytes = 0;
      }
      chunk.push(parameterOf(line));
      bytes += line.bytes.length;
    }
  }
  if (chunk.length > 0) yield chunk;
}
