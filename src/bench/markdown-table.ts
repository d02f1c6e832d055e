/** A table whose first column is text and whose others are numbers, as lines. */
export function markdownTable([heading = [], ...rows]: readonly (readonly string[])[]): string[] {
  const widths = heading.map((_, i) => Math.max(1, ...[heading, ...rows].map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(heading), `| ${rule.join(' | ')} |`, ...rows.map(line)];
}
