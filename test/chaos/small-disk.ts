import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A file system of its own, which can be filled without harm to others. */
export interface SmallDisk {
  /** Until not one more byte fits. @returns how many fitted */
  fill(): number;
  /** What `fill` took. */
  free(): void;
  unmount(): void;
}

const CHUNK_BYTES = 4096;

/** @returns undefined: this machine does not let us mount one */
export function mountSmallDisk(folder: string, bytes: number): SmallDisk | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  let mounted = true;
  const unmount = () => {
    if (!mounted) return;
    mounted = false;
    execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' });
    process.removeListener('exit', unmount);
  };
  // Whoever exits in the midst of it leaves none behind.
  process.once('exit', unmount);
  const ballast = join(folder, 'ballast');
  return {
    fill: () => fill(ballast),
    free: () => rmSync(ballast, { force: true }),
    unmount,
  };
}

function fill(path: string): number {
  const file = openSync(path, 'a');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  try {
    for (let written = 0; ; ) {
      try {
        written += writeSync(file, chunk);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return written;
        throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}
