import type { CheckContext } from './check-context.ts';
import { counts, revisionOf } from './check-writes.ts';
import type { Currency } from './currency.ts';
import { describeOperation, ms } from './describe.ts';
import { NOWHERE } from './position.ts';

/** C9: the order of revisions is that of real time. */
export function checkOrder(context: CheckContext, currency: Currency): void {
  const { timeline, evidence, writes, findings } = context;
  for (let position = 0; position < timeline.length; position++) {
    const owner = writes.ownerOf(position);
    if (owner === undefined || evidence.provenMs(position) >= owner.firstCallMs) continue;
    findings.add('write ordered before its call', () => {
      const seen = `${timeline.revisionAt(position)} or a later one was seen at ${ms(evidence.provenMs(position))}`;
      return `${describeOperation(owner.attempts[0]!)}; its revision ${seen}, before it was called`;
    });
  }
  checkDeletesOfNothing(context, currency);
}

/** Their revision is that of the state in which there was nothing: it reflects what was committed before the call. */
function checkDeletesOfNothing(context: CheckContext, currency: Currency): void {
  const { timeline, writes, findings } = context;
  for (const write of writes.all) {
    for (const attempt of write.attempts) {
      const revision = revisionOf(attempt);
      if (revision === undefined || !counts(context, attempt)) continue;
      const position = timeline.positionOf(revision);
      if (position === NOWHERE || writes.ownerOf(position) === write) continue;
      const untilMs = currency.untilMs(position, currency.anyChange);
      if (untilMs >= write.firstCallMs) continue;
      const told = `what comes behind that revision was seen at ${ms(untilMs)}`;
      findings.add(
        'write ordered before its call',
        () => `${describeOperation(attempt)}; ${told}, before it was called`,
      );
    }
  }
}
