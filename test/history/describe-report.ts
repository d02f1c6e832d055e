import type { Report } from './history.ts';

/** For people: what was checked, and of each kind of violation the first few. */
export function describeReport({ violations, found, counts }: Report, ofEachKind = 3): string {
  const { writes, reads, watches, watchEvents, duringFaults } = counts;
  const checked = `${writes} writes, ${reads} reads, ${watches} watches with ${watchEvents} events`;
  const lines = [`Checked ${checked}; ${duringFaults} operations during faults.`];
  if (violations.length === 0) return [...lines, 'No violation.'].join('\n');
  for (const [kind, count] of Object.entries(found)) {
    const ofKind = violations.filter((violation) => violation.kind === kind);
    lines.push('', `${ofKind[0]?.promise} ${kind}: ${count}`);
    for (const { message } of ofKind.slice(0, ofEachKind)) lines.push(`  ${message}`);
    if (count > ofEachKind) lines.push(`  and ${count - ofEachKind} more`);
  }
  return lines.join('\n');
}
