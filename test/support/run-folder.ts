import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockFolder } from '../../src/embedded/folder-lock.ts';
import { stopOrphanedPostgres } from '../../src/embedded/postgres.ts';
import { stopOrphanedValkey } from '../../src/embedded/valkey.ts';

const prefix = 'paramd-test-';
const newRunMs = 10_000;

export interface RunFolder {
  /** Stops whatever server is still below it, and removes it. */
  close(): Promise<void>;
}

/**
 * The folder below which all of a run is, so that what a killed run has left can be found: see newFolder. What killed
 * runs have left is removed meanwhile.
 */
export function openRunFolder(): RunFolder & { readonly swept: Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(folder, 0o711);
  const lock = lockFolder(folder);
  process.env.PARAMD_TEST_FOLDER = folder;
  return {
    swept: sweepKilledRuns(),
    close: async () => {
      await removeRun(folder);
      lock.release();
    },
  };
}

async function removeRun(folder: string): Promise<void> {
  const folders = subfolders(folder).flatMap((one) => [one, ...subfolders(one)]);
  for (const one of folders) {
    await stopOrphanedPostgres(one, () => {});
    await stopOrphanedValkey(one, () => {});
  }
  rmSync(folder, { recursive: true, force: true });
}

function subfolders(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}

/** A run that was killed (-9, Ctrl-C twice) could not tidy up; nobody holds its folder any more. */
async function sweepKilledRuns(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((name) => name.startsWith(prefix))) {
    try {
      // A new run makes its folder first and locks it then.
      if (Date.now() - statSync(join(tmpdir(), name)).birthtimeMs < newRunMs) continue;
      const held = lockFolder(join(tmpdir(), name));
      await removeRun(join(tmpdir(), name));
      held.release();
    } catch {
      // In use, or another user's.
    }
  }
}
