/** Every fault has servers of its own; only their folder is shared. */

import { openRunFolder, type RunFolder } from '../support/run-folder.ts';

let run: RunFolder | undefined;

export async function mochaGlobalSetup(): Promise<void> {
  const opened = openRunFolder();
  run = opened;
  await opened.swept;
}

export async function mochaGlobalTeardown(): Promise<void> {
  await run?.close();
}
