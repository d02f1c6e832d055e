// Loaded into the victim before it (`node --import`): at SIGUSR2 it collects its garbage, so that what is left is held, and
// writes what that is into a file.
import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const file = process.env.HOSTILE_MEMORY_FILE;
let round = 0;

process.on('SIGUSR2', async () => {
  if (file === undefined) return;
  // What finalizers of the first collection let go of, the second one takes.
  for (let times = 0; times < 2; times++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  writeFileSync(`${file}.new`, JSON.stringify({ round: ++round, heldBytes: heapUsed + external, residentBytes: rss }));
  renameSync(`${file}.new`, file);
});
