import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { EXIT, Failure } from '../failure.ts';
import type { Io } from '../io.ts';

/**
 * The file to import, to be closed. It is read twice, so stdin and pipes go through a temporary file that has no name any
 * more when this returns.
 */
export async function openSource(io: Io, path: string, signal: AbortSignal): Promise<FileHandle> {
  if (path === '-') return spooled(io.stdin, 'stdin', signal);
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new Failure(EXIT.usage, `${path} is a folder; give a file in it`);
    if (found.isFile()) return await open(path);
    return await spooled(createReadStream(path), path, signal);
  } catch (error) {
    if (error instanceof Failure || signal.aborted) throw error;
    throw new Failure(EXIT.error, `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
}

async function spooled(stream: Readable, name: string, signal: AbortSignal): Promise<FileHandle> {
  const path = join(tmpdir(), `paramd-import-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  try {
    await rm(path);
    for await (const chunk of addAbortSignal(signal, stream)) await file.appendFile(chunk as Buffer);
    return file;
  } catch (error) {
    await file.close();
    if (signal.aborted) throw error;
    const { code = (error as Error).message } = error as NodeJS.ErrnoException;
    throw new Failure(EXIT.error, `${name} cannot be kept in ${tmpdir()} (${code})`, { cause: error });
  }
}
