import type { CheckContext } from './check-context.ts';
import type { Currency } from './currency.ts';
import { describeOperation, ms } from './describe.ts';
import type { ReadOutcome, ReadRecord } from './history.ts';
import { NOWHERE, type Position } from './position.ts';

type Answer = Extract<ReadOutcome, { status: 'ok' }>;

/** C5 and C7: how old answers are, how old they say they are, and how old they may be. */
export function checkStaleness(context: CheckContext, currency: Currency): void {
  const { history, timeline } = context;
  for (const read of history.operations) {
    if (read.type !== 'read' || read.outcome.status !== 'ok') continue;
    const { outcome } = read;
    checkFlag(context, read, outcome);
    const position = timeline.positionOf(outcome.revision);
    if (position !== NOWHERE) checkAge(context, currency, read, outcome, position);
  }
}

function checkFlag(
  { history, findings, demands }: CheckContext,
  read: ReadRecord,
  { degraded, boundMs }: Answer,
): void {
  if (degraded) {
    const forbids = read.linearizable || read.maxStalenessMs !== undefined;
    if (forbids) findings.add('degraded answer to a call that forbids it', () => describeOperation(read));
  }
  if (boundMs === undefined) {
    if (read.method !== 'list') findings.add('answer without a bound', () => describeOperation(read));
    return;
  }
  const allowedMs = askedMs(read, history.stalenessMs) + read.returnMs - read.callMs + demands.grainMs;
  if (degraded || boundMs <= allowedMs) return;
  findings.add(
    'bound beyond what was asked',
    () => `${describeOperation(read)}; at most ${ms(allowedMs)} were allowed`,
  );
}

function checkAge(
  context: CheckContext,
  currency: Currency,
  read: ReadRecord,
  answer: Answer,
  position: Position,
): void {
  const { history, findings, demands } = context;
  const { degraded, boundMs } = answer;
  const { callMs } = read;
  if (read.linearizable) {
    const untilMs = currency.untilMs(position, currency.anyChange);
    if (untilMs < callMs) {
      const told = () => `${describeOperation(read)}; what comes behind that revision was seen at ${ms(untilMs)}`;
      findings.add('linearizable read behind', told);
    }
  }
  const untilMs = currency.untilMs(position, currency.changeOf(read));
  // The moment of the call, at the latest, is within every bound.
  if (untilMs >= callMs) return;
  const told = () =>
    `${describeOperation(read)}; it was no longer true at ${ms(untilMs)}, ${ms(callMs - untilMs)} before`;
  if (!degraded && untilMs < callMs - askedMs(read, history.stalenessMs) - demands.grainMs)
    findings.add('stale read', told);
  if (boundMs === undefined || untilMs >= callMs - boundMs - demands.grainMs) return;
  findings.add(degraded ? 'degraded answer older than it says' : 'bound below the true staleness', told);
}

function askedMs({ linearizable, maxStalenessMs }: ReadRecord, stalenessMs: number): number {
  return linearizable ? 0 : (maxStalenessMs ?? stalenessMs);
}
