import { apart, factLines, goalsTable, section } from '../compare/compare-report.ts';
import type { Comparison } from '../compare/comparison.ts';
import { plotsOf } from '../compare/plots.ts';
import type { Compared } from '../compare/run-comparison.ts';
import { goalText } from '../compare/verdict.ts';

/** A place of the template: {{goals}}, {{facts}}, or the name of a comparison. */
const PLACE = /^\{\{([\w-]+)\}\}$/gm;

/** docs/performance.md: the template with the figures in their places. @throws Error if one has no place, or is unknown */
export function performancePage(
  template: string,
  comparisons: readonly Compared[],
  known: readonly Comparison[],
): string {
  const measured = known.flatMap(({ name }) => comparisons.filter((one) => one.name === name));
  const { shared, own } = apart(measured);
  const plots = plotsOf(measured);
  const texts = new Map<string, readonly string[]>([
    ['facts', factLines(shared)],
    ['goals', goalsTable([...measured, ...notMeasured(measured, known)])],
    ...known.map((comparison) => {
      const { name, title } = comparison;
      const one = measured.find((compared) => compared.name === name);
      if (one === undefined) return [name, [`### ${title}`, '', `\`${name}\`: not measured yet.`]] as const;
      const facts = Object.entries(own[name]!).map(([fact, text]) => `${fact} ${text}`);
      const plot = plots[name] === undefined ? [] : ['', `![${title}](../src/bench/results/${name}.svg)`];
      const heading = [`### ${title}`, '', `\`${name}\`: ${facts.join('; ')}`, ''];
      return [name, [...heading, ...section(one, comparison), ...plot]] as const;
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

function notMeasured(measured: readonly Compared[], known: readonly Comparison[]): Compared[] {
  return known
    .filter(({ name }) => measured.every((one) => one.name !== name))
    .map(({ name, title, goals }) => {
      const verdicts = goals.map((goal) => ({ title: goal.title, goal: goalText(goal), result: undefined }));
      return { name, title, facts: {}, failure: undefined, verdicts, rounds: {}, latencies: {} };
    });
}
