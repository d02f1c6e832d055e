/**
 * Runs once around all test files, in mocha's own process: the shared PostgreSQL and Valkey, whose addresses the
 * workers find in the environment. Everything is below one folder, so that what a killed run has left can be found.
 */

import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedError } from '../../src/embedded/embedded-server.ts';
import { type FolderLock, lockFolder } from '../../src/embedded/folder-lock.ts';
import { stopOrphanedPostgres } from '../../src/embedded/postgres.ts';
import { stopOrphanedValkey } from '../../src/embedded/valkey.ts';
import { startPostgres, startValkey, type TestServer } from './servers.ts';

const prefix = 'paramd-test-';
const newRunMs = 10_000;
let lock: FolderLock | undefined;

export async function mochaGlobalSetup(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(folder, 0o711);
  lock = lockFolder(folder);
  process.env.PARAMD_TEST_FOLDER = folder;
  try {
    const [postgres, valkey] = await Promise.all([startPostgres(), valkeyOrWord(), sweepKilledRuns()]);
    process.env.PARAMD_TEST_POSTGRES_URL = postgres.url;
    if (valkey !== undefined) process.env.PARAMD_TEST_VALKEY_URL = valkey.url;
  } catch (error) {
    await mochaGlobalTeardown();
    // The reason is for people; where in our code it was found out is not.
    if (error instanceof EmbeddedError) error.stack = error.message;
    throw error;
  }
}

export async function mochaGlobalTeardown(): Promise<void> {
  const folder = process.env.PARAMD_TEST_FOLDER;
  if (folder !== undefined) await removeRun(folder);
  lock?.release();
}

/** How to get it, the start itself tells. */
async function valkeyOrWord(): Promise<TestServer | undefined> {
  try {
    return await startValkey({}, console.error);
  } catch (error) {
    if (!(error instanceof EmbeddedError) || process.env.CI === 'true') throw error;
    console.error(`${error.message}: they are skipped.`);
    return undefined;
  }
}

/** Stops whatever server is still there, the shared ones and those that tests have left. */
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
