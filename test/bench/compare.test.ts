import { expect } from 'chai';
import { compareReport } from '../../src/bench/compare/compare-report.ts';
import type { Comparison } from '../../src/bench/compare/comparison.ts';
import { allowedCores } from '../../src/bench/compare/cores.ts';
import { goalText, verdictOf } from '../../src/bench/compare/verdict.ts';

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
    expect(verdictOf(goal, { a: at(1, 5, 2) }).result).to.deep.equal({ median: 2, min: 1, max: 5, met: true });
  });

  it('is not there without one of the series', () => {
    expect(verdictOf(GOAL, { a: at(1), b: at(1) }).result).to.equal(undefined);
    expect(verdictOf(GOAL, { a: at(1), b: at(1), c: [] }).result).to.equal(undefined);
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
  const reportOf = (compared: object) =>
    compareReport(
      {
        facts: {},
        comparisons: [
          { name: 'one', title: 'One', failure: undefined, verdicts: [], rounds: {}, latencies: {}, ...compared },
        ],
      },
      [comparison],
    );

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
