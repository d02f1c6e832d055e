import { setTimeout as sleep } from 'node:timers/promises';
import { GetStatsResponse_BusState as Bus } from '../../../gen/parameter/v1/cache_service.ts';
import { median, quantile } from '../../bench/quantile.ts';
import { Failure } from '../failure.ts';
import type { Fleet } from './fleet.ts';
import type { Follower } from './follower.ts';
import { type Cell, milliseconds, type Stage } from './stage.ts';
import { startTraffic, type Tally } from './traffic.ts';

const PHASE_MS = 3500;
const FAST_PHASE_MS = 600;
const NOTICE_MS_MAX = 20_000;

export async function outageScene(stage: Stage, fleet: Fleet, follower: Follower): Promise<void> {
  const { valkey } = fleet.servers;
  await stage.scene('Valkey is killed while reads, writes and the watch go on');
  if (valkey === undefined) {
    stage.line('There is no Valkey on this machine, so there is nothing to kill: this scene is left out.');
    return;
  }
  stage.line('Two readers, a writer through one and the watch on two, all the time:');
  stage.line();
  const row = stage.table([
    ['', 15],
    ['reads', -6],
    ['failed', -6],
    ['too old', -7],
    ['writes', -6],
    ['failed', -6],
    ['change seen on two after', 32],
  ]);
  const traffic = startTraffic(fleet, follower);
  const phase = async (words: Cell) => {
    traffic.tally();
    await sleep(stage.fast ? FAST_PHASE_MS : PHASE_MS, undefined, { signal: stage.signal });
    row(words, ...cells(traffic.tally()));
  };
  try {
    await phase({ text: 'Valkey runs', style: 'green' });
    const killed = performance.now();
    await fleet.servers.killValkey();
    stage.line({ text: `SIGKILL to process ${valkey.pid}`, style: 'red' });
    await noticed(stage, fleet, Bus.BUS_STATE_DISCONNECTED);
    stage.line({ text: `both replicas know after ${milliseconds(performance.now() - killed)}`, style: 'dim' });
    await phase({ text: 'Valkey is gone', style: 'red' });
    const begun = performance.now();
    await fleet.servers.restartValkey();
    stage.line({ text: 'Valkey is started again, empty', style: 'green' });
    await noticed(stage, fleet, Bus.BUS_STATE_CONNECTED);
    stage.line({ text: `both replicas are back on it after ${milliseconds(performance.now() - begun)}`, style: 'dim' });
    await phase({ text: 'Valkey is back', style: 'green' });
  } finally {
    const { lost, disordered, writes } = await traffic.stop();
    if (!stage.signal.aborted) {
      stage.line();
      stage.line(`Of ${writes} writes the watch missed ${lost}, and told ${disordered} twice or out of order.`);
    }
  }
  stage.moral(
    'Without Valkey changes come by polling PostgreSQL, every 100 ms: later, but never too late.',
    '“Too old” counts answers more than 500 ms behind when their call began, and not flagged so.',
  );
}

function cells(tally: Tally): Cell[] {
  const { reads, readsFailed, tooOld, writes, writesFailed, seenMs } = tally;
  const sorted = seenMs.sort((a, b) => a - b);
  const seen = `median ${milliseconds(median(sorted))}, slowest ${milliseconds(quantile(sorted, 1))}`;
  return [String(reads), bad(readsFailed), bad(tooOld), String(writes), bad(writesFailed), seen];
}

function bad(count: number): Cell {
  return { text: String(count), style: count === 0 ? 'green' : ['bold', 'red'] };
}

async function noticed(stage: Stage, { one, two }: Fleet, state: Bus): Promise<void> {
  const until = performance.now() + NOTICE_MS_MAX;
  for (const { client, name } of [one, two]) {
    while ((await client.stats()).busState !== state) {
      if (performance.now() > until) throw new Failure(1, `replica ${name} does not notice what happened to Valkey`);
      await sleep(5, undefined, { signal: stage.signal });
    }
  }
}
