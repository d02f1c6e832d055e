import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { checkHistory } from './check-history.ts';
import { type Corruption, copyOf } from './corrupted/corruption.ts';
import { logCorruptions } from './corrupted/log-corruptions.ts';
import { readCorruptions } from './corrupted/read-corruptions.ts';
import { watchCorruptions } from './corrupted/watch-corruptions.ts';
import { writeCorruptions } from './corrupted/write-corruptions.ts';
import { describeReport } from './describe-report.ts';
import { generateHistory, SMALL } from './generated/generate-history.ts';
import { KINDS } from './kinds.ts';

const CORRUPTIONS: readonly Corruption[] = [
  ...logCorruptions,
  ...writeCorruptions,
  ...readCorruptions,
  ...watchCorruptions,
];
/** Of the generated ones: their clock is exact, and their failovers lose commits. */
const DEMANDS = { mayLose: true, grainMs: 0 };

describe('a checker of histories', () => {
  it('finds nothing wrong in histories that are right', () => {
    const options = fc.record({
      seed: fc.integer(),
      failovers: fc.integer({ min: 0, max: 4 }),
      operations: fc.constantFrom(50, 400, 1000),
      clients: fc.integer({ min: 1, max: 8 }),
      keys: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(options, (chosen) => {
        const report = checkHistory(generateHistory({ ...SMALL, ...chosen }), DEMANDS);
        expect(report.violations, describeReport(report)).to.deep.equal([]);
      }),
      { numRuns: 100 },
    );
  });

  describe('names what was corrupted:', () => {
    const histories = [1, 2].map((seed) =>
      generateHistory({ ...SMALL, seed, operations: 1500, failovers: 2, watches: 40 }),
    );
    for (const { name, kind, demands, corrupt } of CORRUPTIONS) {
      it(`${name} (${KINDS[kind]})`, () => {
        for (const history of histories) {
          const corrupted = copyOf(history);
          corrupt(corrupted);
          const report = checkHistory(corrupted, { ...DEMANDS, ...demands });
          const named = report.violations.filter((violation) => violation.kind === kind);
          expect(named.length, `${kind} among:\n${describeReport(report)}`).to.be.greaterThan(0);
          for (const { promise, message } of named) {
            expect(promise).to.equal(KINDS[kind]);
            expect(message).to.not.equal('');
          }
        }
      });
    }
  });

  it('tells people what it found, a few of each kind', () => {
    const history = copyOf(generateHistory({ ...SMALL, seed: 1 }));
    for (const operation of history.operations) {
      if (operation.type === 'read' && operation.outcome.status === 'ok') operation.outcome.boundMs = 1e6;
    }
    const report = checkHistory(history, DEMANDS);
    const count = report.found['bound beyond what was asked']!;
    const text = describeReport(report, 2);
    expect(text).to.match(
      /^Checked \d+ writes, \d+ reads, \d+ watches with \d+ events; \d+ operations during faults\.\n/,
    );
    expect(text).to.match(
      /\nC5 bound beyond what was asked: \d+\n {2}client \d+ at r\d, .* ms: .*bound 1000000 ms; at most .* ms were/,
    );
    expect(text).to.contain(`  and ${count - 2} more`);
    expect(report.violations.length, 'a hundred of a kind at most').to.be.at.most(100);
    expect(describeReport(checkHistory(generateHistory({ ...SMALL, seed: 1 }), DEMANDS))).to.match(/\nNo violation\.$/);
  });

  it('demands that nothing acknowledged is lost, unless it is told otherwise', () => {
    const history = generateHistory({ ...SMALL, seed: 1, operations: 1500, failovers: 2 });
    const kinds = Object.keys(checkHistory(history, { grainMs: 0 }).found);
    expect(kinds).to.deep.equal(['acknowledged write lost']);
  });

  it('has a corruption for each kind of violation, and many more than twenty', () => {
    const corrupted = new Set<string>(CORRUPTIONS.map(({ kind }) => kind));
    expect(Object.keys(KINDS).filter((kind) => !corrupted.has(kind))).to.deep.equal([]);
    expect(CORRUPTIONS.length).to.be.greaterThan(30);
  });

  it('shares nothing with what it checks', () => {
    const folder = import.meta.dirname;
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      const text = readFileSync(join(folder, file), 'utf8');
      for (const [, target = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
        const path = relative(folder, join(folder, dirname(file), target));
        if (path !== join('..', 'support', 'seeded-random.ts')) expect(path, file).to.not.match(/^\.\./);
      }
    }
  });
});
