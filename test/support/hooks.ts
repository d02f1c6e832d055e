/**
 * Runs once around all test files, in mocha's own process: the shared PostgreSQL and Valkey, whose addresses the
 * workers find in the environment. Everything is below one folder, so that what a killed run has left can be found.
 */

import { EmbeddedError } from '../../src/embedded/embedded-server.ts';
import { openRunFolder, type RunFolder } from './run-folder.ts';
import { startPostgres, startValkey, type TestServer } from './servers.ts';

let run: RunFolder | undefined;

export async function mochaGlobalSetup(): Promise<void> {
  const opened = openRunFolder();
  run = opened;
  try {
    const [postgres, valkey] = await Promise.all([startPostgres(), valkeyOrWord(), opened.swept]);
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
  await run?.close();
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
