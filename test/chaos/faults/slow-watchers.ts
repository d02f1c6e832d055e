import { setTimeout as sleep } from 'node:timers/promises';
import { WatchRequest, WatchResponse } from '../../../gen/parameter/v1/parameter_service.ts';
import { eventually, repeating } from '../../e2e/eventually.ts';
import { setOf, text } from '../../e2e/rpc.ts';
import { onMessages, openSession, startCall, WATCH_PATH } from '../raw-grpc.ts';
import type { SiteReplica } from '../site.ts';
import { mustBeFelt } from './demands.ts';
import { judged } from './judged.ts';

const SLOW = 50;
const PREFIX = 'fault:slow:';
const QUEUE_BYTES_MAX = 1 << 20;
const VALUE_BYTES = 8000;
/** Each commit is so many values. In a campaign, too, all the slow ones take in less than a GB once they read. */
const VALUES = { ci: 16, campaign: 8 };
const COMMIT_EVERY_MS = 100;
const CATCH_UP_MS_MAX = 30_000;
const OTHERS_RATIO_MAX = 1.2;
/** What one collection of garbage more or less makes of the slowest hundredth. */
const GRAIN_MS = 2;
/** In CI both times are so short that the slowest hundredth is a few calls, on cores that others use too. */
const SHORT = { ratio: 3, grainMs: 20 };

interface Slow {
  readonly revisions: bigint[];
  takeAll(): void;
  leave(): void;
}

/** The same load of changes twice: without slow watchers, and with them. */
export const slowWatchers = judged({
  name: '50 slow watchers with window 0',
  group: 'watchers',
  also: `p99 of others ≤ ${OTHERS_RATIO_MAX} × without them + ${GRAIN_MS} ms (in CI, where it is a few calls, ${SHORT.ratio} × + ${SHORT.grainMs} ms); ≤ ${QUEUE_BYTES_MAX >> 20} MiB queued for each; once they read, they get everything`,
  async inject(site, scale, demand) {
    const [writer, replica] = site.replicas as [SiteReplica, SiteReplica];
    const lastMs = scale.ms(20_000, 2500);
    const values = scale.short ? VALUES.ci : VALUES.campaign;
    await measured(writer, replica, values, scale.ms(5000, 500));
    const alone = await measured(writer, replica, values, lastMs);
    const watchersBefore = await replica.metric('paramd_watchers');
    const slow = openSlow(Number(replica.direct.target.split(':')[1]));
    await eventually(async () => (await replica.metric('paramd_watchers')) >= watchersBefore + SLOW);
    const beside = await measured(writer, replica, values, lastMs);
    mustBeFelt(beside.bytes > 2 * QUEUE_BYTES_MAX, `only ${beside.bytes} bytes were written`);
    mustBeFelt(beside.queuedBytes > 0, 'nothing was ever queued');
    mustBeFelt(
      slow.every(({ revisions }) => revisions.length === 0),
      'a slow watcher took something',
    );
    site.note('queued for watches, most', beside.queuedBytes, 'bytes');
    const queuedMax = (watchersBefore + SLOW) * QUEUE_BYTES_MAX;
    demand(beside.queuedBytes <= queuedMax, `C11: ${beside.queuedBytes} bytes are queued, more than ${queuedMax}`);
    const { ratio, grainMs } = scale.short ? SHORT : { ratio: OTHERS_RATIO_MAX, grainMs: GRAIN_MS };
    for (const what of ['reads', 'deliveries'] as const) {
      const [before, after] = [alone[what], beside[what]];
      site.note(`p99 of ${what} beside slow watchers, to that without`, after / before, 'ratio');
      demand(
        after <= before * ratio + grainMs,
        `p99 of ${what} ${after.toFixed(1)} ms beside slow watchers, ${before.toFixed(1)} ms without`,
      );
    }
    for (const { takeAll } of slow) takeAll();
    const caughtUp = () => slow.every(({ revisions }) => revisions.at(-1) === beside.revisions.at(-1));
    const tookMs = await eventually(caughtUp, CATCH_UP_MS_MAX).catch(() => Number.POSITIVE_INFINITY);
    const behind = slow.filter(({ revisions }) => revisions.at(-1) !== beside.revisions.at(-1)).length;
    demand(behind === 0, `C11: ${behind} slow watchers did not catch up`);
    site.note('slow watchers caught up', tookMs, 'ms');
    for (const { revisions, leave } of slow) {
      leave();
      const newest = revisions.at(-1) ?? 0n;
      const due = beside.revisions.filter((revision) => revision <= newest);
      const missed = due.filter((revision) => !revisions.includes(revision)).length;
      demand(missed === 0 && isAscending(revisions), `C10: a slow watcher missed ${missed} of ${due.length} revisions`);
    }
  },
});

/** What others see while values are committed at a constant pace. */
async function measured(writer: SiteReplica, replica: SiteReplica, values: number, lastMs: number) {
  const reads: number[] = [];
  const deliveries: number[] = [];
  const committed = new Map<bigint, number>();
  let queuedBytes = 0;
  const quick = replica.direct.watch({ prefixes: [PREFIX] });
  await quick.begun();
  const reading = repeating(async () => {
    const startedAtMs = performance.now();
    await replica.direct.get({ key: `${PREFIX}0` }).catch(() => {});
    reads.push(performance.now() - startedAtMs);
    await sleep(2);
  });
  const looking = repeating(async () => {
    queuedBytes = Math.max(queuedBytes, await replica.metric('paramd_watch_queue_bytes'));
    await sleep(20);
  });
  const untilMs = performance.now() + lastMs;
  while (performance.now() < untilMs) {
    const startedAtMs = performance.now();
    // No two writes of a run share a value.
    const value = text(`${startedAtMs} ${'x'.repeat(VALUE_BYTES)}`);
    const operations = Array.from({ length: values }, (_, at) => setOf(`${PREFIX}${at}`, value));
    const { revision } = await writer.direct.commit({ operations });
    committed.set(revision, startedAtMs);
    await quick.reached(revision);
    deliveries.push(performance.now() - startedAtMs);
    await sleep(Math.max(0, startedAtMs + COMMIT_EVERY_MS - performance.now()));
  }
  await Promise.all([reading.stop(), looking.stop()]);
  quick.cancel();
  const revisions = [...committed.keys()];
  const bytes = revisions.length * values * VALUE_BYTES;
  return { reads: p99(reads), deliveries: p99(deliveries), revisions, bytes, queuedBytes };
}

/** Half of them take nothing from the beginning; the others begin, are fed live, and stop to read. */
function openSlow(port: number): Slow[] {
  const request = WatchRequest.encode(WatchRequest.fromPartial({ prefixes: [PREFIX] })).finish();
  return Array.from({ length: SLOW }, (_, at) => {
    const shut = at % 2 === 0;
    const session = openSession(port, shut ? 0 : undefined);
    const stream = startCall(session, WATCH_PATH, request);
    const revisions: bigint[] = [];
    let begun = false;
    onMessages(stream, (message) => {
      for (const { revision } of WatchResponse.decode(message).events) {
        if (revision !== revisions.at(-1)) revisions.push(revision);
      }
      if (!shut && !begun) stream.pause();
      begun = true;
    });
    stream.once('close', () => session.close());
    const takeAll = () => (shut ? session.settings({ initialWindowSize: 1 << 20 }) : void stream.resume());
    return { revisions, takeAll, leave: () => session.destroy() };
  });
}

function p99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

function isAscending(revisions: readonly bigint[]): boolean {
  return revisions.every((revision, at) => at === 0 || revision > revisions[at - 1]!);
}
