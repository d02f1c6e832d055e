import type { HostileCase } from './hostile-case.ts';

/** Of docs/hostile-input.md. */
export function caseTable(cases: readonly HostileCase[]): string {
  return [...new Set(cases.map(({ group }) => group))].map((group) => groupTable(group, cases)).join('');
}

const HEADINGS: Readonly<Record<string, string>> = { protobuf: 'Protobuf', requests: 'Requests', floods: 'Floods' };

function groupTable(group: string, cases: readonly HostileCase[]): string {
  const ofGroup = cases.filter((one) => one.group === group);
  const rows = new Map<string, HostileCase[]>();
  for (const one of ofGroup) {
    const row = one.summary ?? one.name;
    rows.set(row, [...(rows.get(row) ?? []), one]);
  }
  const lines = [...rows].map(([row, shared]) => {
    const sent = [...new Set(shared.map(({ sends }) => sends))].join(', ');
    return `| ${[row, String(shared.length), sent, outcomes(shared)].map(cell).join(' | ')} |`;
  });
  const heading = `\n### ${HEADINGS[group] ?? group}\n`;
  const count = `${ofGroup.length} cases.\n`;
  return [heading, count, '| Case | Cases | What is sent | What comes of it |', '|---|---|---|---|', ...lines, ''].join(
    '\n',
  );
}

/** Of cases that differ only in the field that is named, once. */
function outcomes(shared: readonly HostileCase[]): string {
  const expected = [...new Set(shared.map((one) => one.expected))];
  if (expected.length === 1) return expected[0]!;
  const withoutField = expected.map((one) => one.replace(/^(INVALID_ARGUMENT INVALID_FIELD) .*/, '$1 the field'));
  return [...new Set(withoutField)].join('; ');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;') || ' ';
}
