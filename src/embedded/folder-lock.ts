import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-server.ts';
import { findProcess, isRunning, type RunningProcess } from './process.ts';

// One owner per folder. A lock file created exclusively outlives a killed owner, and between finding it stale and
// replacing it another contender may do the same. So nobody replaces anything: everybody appends a claim, and the
// owner is the first claim whose process lives. A refused contender withdraws his; who leaves in order removes the file.

export interface FolderLock {
  release(): void;
}

interface Claim extends RunningProcess {
  readonly id: string;
  readonly withdrawn?: boolean;
}

/** Refused with an EmbeddedError that names the owner. */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, 'lock');
  const own: Claim = { pid: process.pid, born: '', ...findProcess(process.pid), id: randomUUID() };
  for (;;) {
    const file = openLockFile(folder, path);
    try {
      writeSync(file, `${JSON.stringify(own)}\n`);
      const owner = firstLiving(path);
      if (!isStill(path, file)) continue;
      if (owner === undefined || owner.id === own.id) return releasedOnce(path);
      writeSync(file, `${JSON.stringify({ ...own, withdrawn: true })}\n`);
      throw new EmbeddedError(`${folder} is in use by another paramd (process ${owner.pid})`);
    } finally {
      closeSync(file);
    }
  }
}

function openLockFile(folder: string, path: string): number {
  try {
    mkdirSync(folder, { recursive: true });
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw new EmbeddedError(
      `cannot write into ${folder} (${(error as NodeJS.ErrnoException).code}): ` +
        'run as the user it belongs to, remove it, or choose another folder by PARAMD_DATA_DIR',
    );
  }
}

/** A second release must not remove the file of the next owner. */
function releasedOnce(path: string): FolderLock {
  let held = true;
  return {
    release: () => {
      if (held) rmSync(path, { force: true });
      held = false;
    },
  };
}

function firstLiving(path: string): Claim | undefined {
  const claims = read(path).split('\n').flatMap(parse);
  const withdrawn = new Set(claims.filter((claim) => claim.withdrawn).map(({ id }) => id));
  return claims.find((claim) => !withdrawn.has(claim.id) && isRunning(claim));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A line that a crash of the machine has torn claims nothing. */
function parse(line: string): Claim[] {
  try {
    return [JSON.parse(line) as Claim];
  } catch {
    return [];
  }
}

/** False if the owner has removed the file that we wrote to. */
function isStill(path: string, file: number): boolean {
  try {
    return statSync(path).ino === fstatSync(file).ino;
  } catch {
    return false;
  }
}
