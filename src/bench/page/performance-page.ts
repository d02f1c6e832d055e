import { apart, factLines, goalsTable, section } from '../compare/compare-report.ts';
import type { Comparison } from '../compare/comparison.ts';
import type { Compared } from '../compare/run-comparison.ts';

/** A place of the template: {{goals}}, {{facts}}, or the name of a comparison. */
const PLACE = /^\{\{([\w-]+)\}\}$/gm;

/** docs/performance.md: the template with the figures in their places. @throws Error if one has no place, or none is there */
export function performancePage(
  template: string,
  comparisons: readonly Compared[],
  known: readonly Comparison[],
): string {
  const ordered = known.flatMap(({ name }) => comparisons.filter((one) => one.name === name));
  const { shared, own } = apart(ordered);
  const texts = new Map<string, readonly string[]>([
    ['facts', factLines(shared)],
    ['goals', goalsTable(ordered)],
    ...ordered.map((one) => {
      const { title, name } = one;
      const facts = Object.entries(own[name]!).map(([fact, text]) => `${fact} ${text}`);
      const table = section(one, known.find((comparison) => comparison.name === name)!);
      return [name, [`### ${title}`, '', `\`${name}\`: ${facts.join('; ')}`, '', ...table]] as const;
    }),
  ]);
  const page = template.replace(PLACE, (place, name: string) => {
    const text = texts.get(name);
    if (text === undefined) throw new Error(`there are no results for ${place}`);
    texts.delete(name);
    return text.join('\n');
  });
  if (texts.size > 0) throw new Error(`the template has no place for ${[...texts.keys()].join(', ')}`);
  return page;
}
