import { apart, factLines, goalsTable, section } from '../compare/compare-report.ts';
import type { Comparison, Goal } from '../compare/comparison.ts';
import { plotsOf } from '../compare/plots.ts';
import type { Compared } from '../compare/run-comparison.ts';
import { type Verdict, verdictOf } from '../compare/verdict.ts';

/** A place of the template: {{goals}}, {{facts}}, or the name of a comparison. */
const PLACE = /^\{\{([\w-]+)\}\}$/gm;

/** docs/performance.md: the template with the figures in their places. @throws Error if one has no place, or is unknown */
export function performancePage(
  template: string,
  comparisons: readonly Compared[],
  known: readonly Comparison[],
): string {
  const measured = known.flatMap(({ name, goals }) =>
    comparisons.filter((one) => one.name === name).map((one) => ({ ...one, verdicts: verdictsOf(goals, one) })),
  );
  const { shared, own } = apart(measured);
  const plots = plotsOf(measured);
  const texts = new Map<string, readonly string[]>([
    ['facts', factLines(shared)],
    ['goals', goalsTable(known.map((one) => measured.find(({ name }) => name === one.name) ?? notMeasured(one)))],
    ...known.map((comparison) => {
      const { name, title } = comparison;
      const one = measured.find((compared) => compared.name === name);
      if (one === undefined) return [name, [`### ${title}`, '', `\`${name}\`: not measured yet.`]] as const;
      const goals = one.verdicts.length === 0 ? [] : ['', ...goalsTable([one])];
      const facts = Object.entries(own[name]!).map(([fact, text]) => `${fact} ${text}`);
      const plot = plots[name] === undefined ? [] : ['', `![${title}](../src/bench/results/${name}.svg)`];
      const heading = [`### ${title}`, '', `\`${name}\`: ${facts.join('; ')}`, ''];
      return [name, [...heading, ...section(one, comparison), ...goals, ...plot]] as const;
    }),
  ]);
  const page = template.replace(PLACE, (place, name: string) => {
    const text = texts.get(name);
    if (text === undefined) throw new Error(`there is no comparison for ${place}`);
    texts.delete(name);
    return text.join('\n');
  });
  if (texts.size > 0) throw new Error(`the template has no place for ${[...texts.keys()].join(', ')}`);
  return page;
}

function notMeasured({ name, title, goals }: Comparison): Compared {
  const nothing = { name, title, facts: {}, failure: undefined, rounds: {}, latencies: {} };
  return { ...nothing, verdicts: verdictsOf(goals, nothing) };
}

/** By the goals of today, whatever they were when it was measured. */
function verdictsOf(goals: readonly Goal[], { rounds }: Pick<Compared, 'rounds'>): readonly Verdict[] {
  return goals.map((goal) => verdictOf(goal, rounds));
}
