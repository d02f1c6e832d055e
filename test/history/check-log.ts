import type { CheckContext } from './check-context.ts';
import type { EraSpan } from './era-span.ts';
import { NOWHERE } from './position.ts';
import type { Change } from './timeline.ts';

/** C9: the log by itself is one order, dense in each era, and each entry follows from those before it. */
export function checkLog(context: CheckContext): void {
  const { timeline } = context;
  for (const [at, span] of timeline.spans.entries()) {
    checkEra(context, at, span);
    checkRevisions(context, span);
    checkBatches(context, at, span);
    checkChain(context, span);
  }
}

function checkEra({ timeline, findings }: CheckContext, at: number, { era }: EraSpan): void {
  const name = `era ${at} (epoch ${era.epochNumber})`;
  const before = timeline.spans.slice(0, at);
  for (const [other, { era: earlier }] of before.entries()) {
    if (earlier.epochId === era.epochId) {
      findings.add('eras out of order', () => `${name} has the epoch id of era ${other}: ${era.epochId}`);
    }
    const first = earlier.startRevision;
    const last = earlier.entries.at(-1)?.revision ?? first - 1n;
    const end = era.entries.at(-1)?.revision ?? era.startRevision - 1n;
    if (era.startRevision <= last && end >= first) {
      findings.add(
        'revision issued twice',
        () => `${name} starts at ${era.startRevision}; era ${other} had got to ${last}`,
      );
    }
  }
  if (at === 0) {
    if (era.continues !== -1)
      findings.add('eras out of order', () => `${name} is the first and continues ${era.continues}`);
    return;
  }
  const parent = before[era.continues]?.era;
  if (parent === undefined || timeline.keptBy(at) === NOWHERE) {
    findings.add(
      'eras out of order',
      () => `${name} continues era ${era.continues} at ${era.keptRevision}, which is none`,
    );
  } else if (era.epochNumber <= parent.epochNumber || era.startRevision <= parent.startRevision) {
    const told = `${name}, from revision ${era.startRevision}`;
    findings.add(
      'eras out of order',
      () => `${told} continues epoch ${parent.epochNumber} from ${parent.startRevision}`,
    );
  }
}

function checkRevisions({ findings }: CheckContext, { era }: EraSpan): void {
  let expected = era.startRevision;
  for (const { revision, events, batchId } of era.entries) {
    if (revision > expected) {
      const due = expected;
      findings.add(
        'gap in the log',
        () => `epoch ${era.epochNumber}: ${revision} (batch ${batchId}) where ${due} was due`,
      );
    } else if (revision < expected) {
      findings.add('revision issued twice', () => `epoch ${era.epochNumber}: ${revision} again (batch ${batchId})`);
    }
    expected = revision + 1n;
    if (events.length === 0)
      findings.add('empty revision', () => `epoch ${era.epochNumber}: ${revision} changes nothing`);
    if (new Set(events.map(({ key }) => key)).size < events.length) {
      findings.add('key twice in a revision', () => `${revision}: ${events.map(({ key }) => key).join(', ')}`);
    }
  }
}

/** A batch is one transaction: nothing comes in between, and a failover keeps all of it or nothing. */
function checkBatches({ timeline, findings }: CheckContext, at: number, { era }: EraSpan): void {
  const kept = timeline.keptBy(at);
  const batchId = kept === NOWHERE ? undefined : timeline.entryAt(kept)?.batchId;
  const next = kept < timeline.head ? timeline.entryAt(kept + 1) : undefined;
  if (batchId && next?.batchId === batchId) {
    findings.add(
      'batch split in the log',
      () => `epoch ${era.epochNumber} keeps a part of batch ${batchId}, not ${next.revision}`,
    );
  }
  const over = new Set<string>();
  let present = '';
  for (const { batchId, revision } of era.entries) {
    if (batchId === present) continue;
    if (present !== '') over.add(present);
    present = batchId;
    if (over.has(batchId)) {
      findings.add('batch split in the log', () => `batch ${batchId} goes on at ${revision}, behind another one`);
    }
  }
}

/** Previous values, create revisions and versions follow from the entries before. */
function checkChain({ timeline, findings }: CheckContext, { base, last }: EraSpan): void {
  for (let position = base + 1; position <= last; position++) {
    const entry = timeline.entryAt(position)!;
    for (const event of entry.events) {
      const before = timeline.stateOf(event.key, position - 1);
      const name = `${entry.revision} ${event.type} ${JSON.stringify(event.key)}`;
      const { previous } = event;
      if (
        previous?.revision !== before?.revision ||
        previous?.value !== before?.event.value ||
        (event.type === 'delete' && before === undefined)
      ) {
        const says = previous === undefined ? 'nothing' : `${previous.value} of ${previous.revision}`;
        findings.add('wrong previous in the log', () => `${name}: replaces ${says}, but there was ${describe(before)}`);
      }
      if (event.type === 'delete') continue;
      const createRevision = before?.event.createRevision ?? entry.revision;
      const version = (before?.event.version ?? 0n) + 1n;
      if (event.createRevision !== createRevision || event.version !== version) {
        const says = `created ${event.createRevision}, version ${event.version}`;
        findings.add('wrong counters in the log', () => `${name}: ${says}; expected ${createRevision}, ${version}`);
      }
    }
  }
}

function describe(change: Change | undefined): string {
  return change === undefined ? 'nothing' : `${change.event.value} of ${change.revision}`;
}
