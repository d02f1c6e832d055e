import { median, quantile } from '../../bench/quantile.ts';
import { formatValue } from '../../client/index.ts';
import { type Fleet, MAX_USERS } from './fleet.ts';
import { milliseconds, type Stage } from './stage.ts';

const MORE_WRITES = 100;

interface Seen {
  readonly text: string;
  readonly revision: bigint;
  /** From the call to its acknowledgement. */
  readonly writeMs: number;
  /** From the acknowledgement until a read through two had it. */
  readonly seenMs: number;
  readonly reads: number;
}

export async function writeScene(stage: Stage, fleet: Fleet): Promise<void> {
  await stage.scene('A write through one replica is seen through the other at once');
  const first = await writeAndLook(fleet, 250n);
  stage.line(
    { text: `set ${MAX_USERS} 250`, style: 'bold' },
    `   through one   durable after ${milliseconds(first.writeMs)}, revision ${first.revision}`,
  );
  await stage.pause(900);
  stage.line(
    { text: `get ${MAX_USERS}    `, style: 'bold' },
    `   through two   ${first.text}, ${milliseconds(first.seenMs)} after that`,
  );
  await stage.pause(900);
  stage.line();
  const more: Seen[] = [];
  for (let i = 0; i < MORE_WRITES; i++) {
    stage.signal.throwIfAborted();
    more.push(await writeAndLook(fleet, 1000n + BigInt(i)));
  }
  const seenMs = more.map((one) => one.seenMs).sort((a, b) => a - b);
  const atOnce = more.filter(({ reads }) => reads === 1).length;
  stage.line(
    `${MORE_WRITES} writes more: seen through two after `,
    { text: milliseconds(median(seenMs)), style: 'green' },
    ` (median), at most ${milliseconds(quantile(seenMs, 1))}; ${atOnce} by the first read`,
  );
  stage.moral(
    fleet.servers.valkey === undefined
      ? 'There is no Valkey to carry the news, so two learns of it by asking PostgreSQL, every 100 ms.'
      : 'Valkey carries the news from replica to replica; PostgreSQL alone decides what is true.',
    'With --at-least-revision a read makes sure, on any replica: as new as that, or an error.',
  );
}

async function writeAndLook({ one, two }: Fleet, value: bigint): Promise<Seen> {
  const begun = performance.now();
  const { revision } = await one.client.set(MAX_USERS, value);
  const acknowledged = performance.now();
  for (let reads = 1; ; reads++) {
    const { parameter } = await two.client.get(MAX_USERS);
    if (parameter === undefined || parameter.revision < revision) continue;
    const text = formatValue(parameter.value);
    return { text, revision, writeMs: acknowledged - begun, seenMs: performance.now() - acknowledged, reads };
  }
}
