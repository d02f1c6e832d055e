// Preloaded into a replica: at SIGUSR2 it collects its garbage, and logs what it still holds.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  console.log(JSON.stringify({ msg: 'garbage collected', bytes: heapUsed + external }));
});
