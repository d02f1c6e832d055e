import { checkConditions } from './check-conditions.ts';
import type { CheckContext } from './check-context.ts';
import { checkLog } from './check-log.ts';
import { checkOrder } from './check-order.ts';
import { checkReads } from './check-reads.ts';
import { checkSessions } from './check-sessions.ts';
import { checkStaleness } from './check-staleness.ts';
import { checkTraffic, isDuring } from './check-traffic.ts';
import { checkWatches } from './check-watches.ts';
import { checkWrites } from './check-writes.ts';
import { Currency } from './currency.ts';
import { DEFAULT_DEMANDS, type Demands } from './demands.ts';
import { Evidence } from './evidence.ts';
import { Findings } from './findings.ts';
import type { History, Report } from './history.ts';
import { Timeline } from './timeline.ts';
import { Writes } from './writes.ts';

/**
 * Holds what a run recorded against the contract.
 *
 * In general, to tell whether a concurrent history is linearizable takes time without bound. Here every answer carries its
 * revision, and the log tells all revisions in their one order: so it is enough that each answer is the state at its
 * revision, and that the order of revisions is that of real time. Both take one pass.
 *
 * It shares no code with what it checks.
 */
export function checkHistory(history: History, demands: Demands = {}): Report {
  const timeline = new Timeline(history.truth);
  const evidence = new Evidence(history, timeline);
  const context: CheckContext = {
    history,
    demands: { ...DEFAULT_DEMANDS, ...demands },
    timeline,
    evidence,
    writes: new Writes(history, timeline, evidence),
    findings: new Findings(),
  };
  const currency = new Currency(timeline, evidence, context.demands.grainMs);
  checkTraffic(context);
  checkLog(context);
  checkWrites(context);
  checkOrder(context, currency);
  checkConditions(context);
  checkReads(context);
  checkStaleness(context, currency);
  checkSessions(context);
  checkWatches(context, currency);
  return { violations: context.findings.violations, found: context.findings.found, counts: count(history) };
}

function count({ operations, watches, faults }: History): Report['counts'] {
  const writes = operations.reduce((sum, { type }) => (type === 'write' ? sum + 1 : sum), 0);
  const watchEvents = watches.reduce(
    (sum, { responses }) => responses.reduce((events, response) => events + response.events.length, sum),
    0,
  );
  const duringFaults = operations.reduce(
    (sum, operation) => (faults.some((fault) => isDuring(operation, fault)) ? sum + 1 : sum),
    0,
  );
  return { writes, reads: operations.length - writes, watches: watches.length, watchEvents, duringFaults };
}
