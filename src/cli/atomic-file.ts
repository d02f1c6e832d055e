import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { EXIT, Failure } from './failure.ts';

/**
 * Writes a file as a whole: what was there before stays until all of the new one is on the disk. Only its owner may read
 * it.
 * @throws Failure if the file cannot be written, or is none
 */
export async function writeAtomically(
  path: string,
  write: (append: (text: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  const file = await openBeside(path, temporary);
  try {
    await write((text) => file.appendFile(text).catch((error: unknown) => fail(path, error)));
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A device or a pipe would be replaced by a file. */
async function openBeside(path: string, temporary: string): Promise<FileHandle> {
  const present = await stat(path).catch(() => undefined);
  if (present?.isFile() === false) throw new Failure(EXIT.usage, `${path} is no file; redirect the output: > ${path}`);
  return open(temporary, 'wx', 0o600).catch((error: unknown) => fail(path, error));
}

function fail(path: string, error: unknown): never {
  throw new Failure(EXIT.error, `${path} cannot be written (${(error as NodeJS.ErrnoException).code})`, {
    cause: error,
  });
}
