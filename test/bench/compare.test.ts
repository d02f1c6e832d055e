import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { compareReport } from '../../src/bench/compare/compare-report.ts';
import { readResults, writeResults } from '../../src/bench/compare/compare-results.ts';
import type { Comparison } from '../../src/bench/compare/comparison.ts';
import { allowedCores } from '../../src/bench/compare/cores.ts';
import type { Compared } from '../../src/bench/compare/run-comparison.ts';
import { goalText, verdictOf } from '../../src/bench/compare/verdict.ts';
import { COMPARISONS } from '../../src/bench/comparisons.ts';
import { performancePage } from '../../src/bench/page/performance-page.ts';

const GOAL = {
  title: 'a against b and c',
  of: { series: 'a', figure: 'p50Ms' },
  against: [
    { series: 'b', figure: 'p50Ms' },
    { series: 'c', figure: 'p50Ms' },
  ],
  atMost: 1.5,
};
const at = (...values: number[]) => values.map((p50Ms) => ({ p50Ms }));

describe('a verdict', () => {
  it('is the median of the ratios of each round, with the least and the most', () => {
    const rounds = { a: at(2, 3, 30), b: at(1, 1, 10), c: at(1, 2, 5) };
    expect(verdictOf(GOAL, rounds).result).to.deep.equal({ median: 1, min: 1, max: 2, met: true });
  });

  it('is missed beyond the bound, on the side that it has', () => {
    const rounds = { a: at(4), b: at(1), c: at(1) };
    expect(verdictOf(GOAL, rounds).result).to.include({ median: 2, met: false });
    expect(verdictOf({ ...GOAL, atMost: undefined, atLeast: 2 }, rounds).result).to.include({ met: true });
    expect(verdictOf({ ...GOAL, atMost: undefined, atLeast: 2.1 }, rounds).result).to.include({ met: false });
  });

  it('is about the figure itself where there is nothing to compare it with', () => {
    const goal = { title: 'a', of: GOAL.of, atMost: 3, unit: 'ms' };
    expect(goalText(goal)).to.equal('≤ 3 ms');
    expect(goalText({ ...goal, atLeast: 1000 })).to.equal('1,000 to 3 ms');
    expect(verdictOf(goal, { a: at(1, 5, 2) }).result).to.deep.equal({ median: 2, min: 1, max: 5, met: true });
  });

  it('is not there without one of the series', () => {
    expect(verdictOf(GOAL, { a: at(1), b: at(1) }).result).to.equal(undefined);
    expect(verdictOf(GOAL, { a: at(1), b: at(1), c: [] }).result).to.equal(undefined);
    expect(verdictOf(GOAL, { a: at(1), b: at(1), c: [{ p99Ms: 1 }] }).result).to.equal(undefined);
  });
});

describe('the report', () => {
  const comparison: Comparison = {
    name: 'one',
    title: 'One',
    goals: [GOAL],
    columns: [
      { figure: 'p50Ms', heading: 'p50', text: (ms) => `${ms} ms` },
      { figure: 'loadCpu', heading: 'load CPU', text: String },
    ],
    open: async () => [],
  };
  const NOTHING = { name: 'one', title: 'One', failure: undefined, verdicts: [], rounds: {}, latencies: {} };
  const comparedOf = (compared: Partial<Compared>): Compared => ({ ...NOTHING, facts: {}, ...compared });
  const reportOf = (compared: Partial<Compared>) => compareReport([comparedOf(compared)], [comparison]);

  it('shows medians, and the goals with what came of them', () => {
    const rounds = { a: at(2, 3, 4), b: at(1, 1, 1), c: at(1, 1, 1) };
    const text = reportOf({ rounds, verdicts: [verdictOf(GOAL, rounds)] });
    expect(text).to.match(/one: a against b and c\s*\|\s*≤ 1.5 ×\s*\|\s*1.5\s*\|\s*1 to 2\s*\|\s*met/);
    expect(text).to.match(/\| a\s*\|\s*3 ms \|/);
    expect(text).to.not.match(/load/);
  });

  it('shows no figure of what failed, but why', () => {
    const text = reportOf({ failure: 'a: 3 × wrong answer' });
    expect(text).to.include('No figures: a: 3 × wrong answer.');
    expect(text).to.match(/one\s*\|\s*\|\s*no figures/);
  });

  it('says that the load was what was measured', () => {
    const text = reportOf({ rounds: { a: [{ p50Ms: 1, loadCpu: 0.95 }], b: [{ p50Ms: 1, loadCpu: 0.5 }] } });
    expect(text).to.include('The load was busy itself (a): these can do more than is shown.');
  });
});

describe('the page of the figures', () => {
  const comparison = (name: string): Comparison => ({
    name,
    title: `About ${name}`,
    goals: [],
    columns: [],
    open: async () => [],
  });
  const compared = (name: string, facts: Compared['facts']): Compared => ({
    ...{ name, title: `About ${name}`, facts, failure: undefined, verdicts: [] },
    ...{ rounds: { paramd: [{ perSecond: 1 }] }, latencies: {} },
  });
  const both = [compared('b', { machine: 'm', date: 'today' }), compared('a', { machine: 'm', date: 'yesterday' })];
  const known = [comparison('a'), comparison('b')];

  it('has every result in its place, and once what all have in common', () => {
    const page = performancePage('# Page\n\n{{facts}}\n\n{{goals}}\n\n{{a}}\n\nWords.\n\n{{b}}\n', both, known);
    expect(page).to.match(/^# Page\n\n- machine: m\n\n\|/);
    expect(page).to.match(/### About a\n\n`a`: date yesterday\n\n\|[\s\S]*Words\.\n\n### About b\n\n`b`: date today\n/);
  });

  it('says what was not measured', () => {
    const page = performancePage('{{facts}}\n{{goals}}\n{{a}}\n{{b}}\n', [both[0]!], known);
    expect(page).to.include('### About a\n\n`a`: not measured yet.\n');
  });

  it('shows each goal with its table as well, be it measured or not', () => {
    const goals = [
      { title: 'calls', of: { series: 'paramd', figure: 'perSecond' }, atLeast: 2, unit: 'calls/s' },
      { title: 'latency', of: { series: 'paramd', figure: 'p50Ms' }, atMost: 3, unit: 'ms' },
    ];
    const [a, b] = known.map((one) => ({ ...one, goals }));
    const page = performancePage('{{facts}}\n{{goals}}\nFirst\n{{a}}\nSecond\n{{b}}\n', [both[0]!], [a!, b!]);
    const [summary, ofA, ofB] = page.split(/First|Second/);
    expect(summary)
      .to.match(/a: calls .*not measured/)
      .and.match(/b: calls .*\*\*missed\*\*/);
    expect(ofA).to.include('not measured yet');
    expect(ofB)
      .to.match(/calls .*≥ 2 calls\/s.*\*\*missed\*\*/)
      .and.match(/latency .*not measured/);
  });

  it('has words on what limits each figure', () => {
    const template = readFileSync('src/bench/page/performance.template.md', 'utf8');
    for (const { name } of COMPARISONS) expect(template).to.match(new RegExp(`{{${name}}}\n\n\\*\\*What limits it\\.`));
  });

  it('is not made with a result that has no place, nor a place for what is unknown', () => {
    expect(() => performancePage('{{facts}}\n{{goals}}\n{{a}}\n', both, known)).to.throw('no place for b');
    expect(() => performancePage('{{facts}}\n{{goals}}\n{{a}}\n{{b}}\n{{c}}\n', both, known)).to.throw('{{c}}');
  });

  it('is made of results of several runs: of each comparison the last', () => {
    const folder = mkdtempSync(join(tmpdir(), 'paramd-results-'));
    const file = join(folder, 'results.json');
    writeResults(file, both);
    writeResults(file, [{ ...both[0]!, rounds: { paramd: [{ perSecond: 2 / 3 }] } }]);
    const read = readResults(file);
    rmSync(folder, { recursive: true });
    expect(read.map(({ name }) => name)).to.deep.equal(['a', 'b']);
    expect(read[1]!.rounds).to.deep.equal({ paramd: [{ perSecond: 0.666667 }] });
  });
});

describe('the cores of a process', () => {
  for (const [list, cores] of [
    ['0-1', [0, 1]],
    ['3', [3]],
    ['0,2-4,7', [0, 2, 3, 4, 7]],
  ] as const) {
    it(`${list} are ${cores}`, () => {
      expect(allowedCores(`Name:\tnode\nCpus_allowed_list:\t${list}\nMems_allowed:\t1\n`)).to.deep.equal(cores);
    });
  }
});
