// In a thread of its own, so that it goes on while the thread of the cache stands still: counts up one parameter, and
// tells when each write was acknowledged.
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { connect } from '../../../src/client/index.ts';
import type { Acknowledged } from './truth.ts';

const { target, key } = workerData as { target: string; key: string };
const client = connect({ target });
let isStopped = false;
parentPort!.once('message', () => {
  isStopped = true;
});
for (let value = 1n; !isStopped; value++) {
  const { revision } = await client.set(key, value);
  parentPort!.postMessage({ value, revision, atNs: process.hrtime.bigint() } satisfies Acknowledged);
  await sleep(5);
}
client.close();
parentPort!.close();
