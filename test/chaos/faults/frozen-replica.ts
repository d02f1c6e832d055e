import { setTimeout as sleep } from 'node:timers/promises';
import { msOfDuration } from '../../../src/client/duration.ts';
import type { ParamdRpcError } from '../../../src/client/rpc-error.ts';
import { repeating } from '../../e2e/eventually.ts';
import { consistency, text, textOf } from '../../e2e/rpc.ts';
import type { SiteReplica } from '../site.ts';
import { mustBeFelt } from './demands.ts';
import { judged } from './judged.ts';

const KEY = 'fault:frozen';
/** Z. */
const BOUND_MS = 500;
/** Of the timers on both sides. */
const GRAIN_MS = 2;
const QUEUED_EVERY_MS = 50;
const AFTER_WAKING_MS = 1000;
const CALL_MS_MAX = 40_000;
const DEMANDS = [{}, { maxStalenessMs: 100 }, { linearizable: true }] as const;

interface Answer {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly boundMs: number;
  readonly value: number | undefined;
  /** Undefined: it is not flagged, but `value` is not known: the call failed. */
  readonly degraded: boolean;
  readonly ageMs: number;
}

/**
 * A counter goes up elsewhere all the time; its readers at the frozen replica asked before, meanwhile and just after.
 * Those that queue in its sockets are the first that it answers.
 */
export const frozen = judged({
  name: 'replica frozen',
  group: 'replica',
  also: 'its first answers after waking are within their bounds, and as old as they say',
  async inject(site, scale, demand) {
    const [awake, sleeper] = site.replicas as [SiteReplica, SiteReplica];
    const acknowledged: { readonly value: number; readonly atMs: number }[] = [];
    const counting = repeating(async (count) => {
      await awake.direct.set({ key: KEY, value: text(`${count}`) });
      acknowledged.push({ value: count, atMs: site.nowMs() });
    });
    const answers: Promise<Answer>[] = [];
    const ask = (turn: number) => {
      const demanded = DEMANDS[turn % DEMANDS.length]!;
      answers.push(
        answerOf(sleeper, demanded, 'maxStalenessMs' in demanded ? demanded.maxStalenessMs : BOUND_MS, site.nowMs),
      );
    };
    await sleep(300);
    for (let turn = 0; turn < 10; turn++) ask(turn);
    await Promise.all(answers);
    sleeper.freeze();
    const frozenAtMs = site.nowMs();
    const untilMs = frozenAtMs + scale.ms(20_000, 3000);
    for (let turn = 0; site.nowMs() < untilMs; turn++) {
      ask(turn);
      await sleep(QUEUED_EVERY_MS);
    }
    const thawedAtMs = site.nowMs();
    sleeper.thaw();
    for (let turn = 0; site.nowMs() < thawedAtMs + AFTER_WAKING_MS; turn++) {
      ask(turn);
      await sleep(1);
    }
    const ended = await Promise.all(answers);
    await counting.stop();

    const early = ended.filter(({ endedAtMs }) => endedAtMs > frozenAtMs && endedAtMs < thawedAtMs);
    mustBeFelt(early.length === 0, `${early.length} calls were answered meanwhile`);
    const given = ended.filter(({ value, endedAtMs }) => value !== undefined && endedAtMs >= thawedAtMs);
    mustBeFelt(
      given.some(({ startedAtMs }) => startedAtMs < thawedAtMs),
      'no call that had waited was answered',
    );
    site.note('answers after waking', given.length, 'count');
    site.note('first answer after waking', Math.min(...given.map(({ endedAtMs }) => endedAtMs)) - thawedAtMs, 'ms');
    const dueAt = (atMs: number) => acknowledged.findLast((each) => each.atMs <= atMs - GRAIN_MS)?.value ?? -1;
    for (const { startedAtMs, boundMs, value, degraded, ageMs } of given) {
      const due = dueAt(startedAtMs - (degraded ? ageMs : boundMs));
      demand(value! >= due, `C5: read ${value} at ${startedAtMs.toFixed(0)}, bound ${boundMs} ms, ${due} was due`);
      const trueAge = dueAt(startedAtMs - ageMs);
      demand(value! >= trueAge, `its age is not true: read ${value} as ${ageMs.toFixed(0)} ms old, ${trueAge} was due`);
    }
  },
});

async function answerOf(
  { direct }: SiteReplica,
  demanded: (typeof DEMANDS)[number],
  boundMs: number,
  nowMs: () => number,
): Promise<Answer> {
  const startedAtMs = nowMs();
  const linearizable = 'linearizable' in demanded;
  const asked = direct.get({ key: KEY, consistency: consistency(demanded) }, CALL_MS_MAX);
  const answer = await asked.catch((error: ParamdRpcError) => error);
  const failed = answer instanceof Error || answer.freshness === undefined;
  return {
    startedAtMs,
    endedAtMs: nowMs(),
    boundMs: linearizable ? 0 : boundMs,
    value: failed ? undefined : Number(textOf(answer.parameter)),
    degraded: !failed && answer.freshness!.degraded,
    ageMs: failed ? Number.POSITIVE_INFINITY : msOfDuration(answer.freshness!.stalenessBound!),
  };
}
