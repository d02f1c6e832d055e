import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { readResults } from '../../src/bench/compare/compare-results.ts';

const PARAMD = resolve('bin/paramd.js');
const QUICK = ['--rounds', '1', '--duration', '100ms', '--scale', '0.01'];

describe('paramd bench compare', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'paramd-compare-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('loads servers of its own from processes of their own, checks every answer, and keeps every round', async function () {
    this.timeout(180_000);
    const file = join(folder, 'results.json');
    const { code, out, err } = await compare(['get', 'watch', 'resume', ...QUICK, '--json', file]);
    expect(code, err).to.equal(0);
    const comparisons = readResults(file);
    expect(comparisons.map(({ name }) => name)).to.deep.equal(['get', 'watch', 'resume']);
    for (const { name, title, rounds } of comparisons) {
      expect(out).to.include(title);
      for (const [series, [figures]] of Object.entries(rounds)) {
        expect(figures!.perSecond, `${name}, ${series}`).to.be.greaterThan(0);
      }
    }
    expect(comparisons[0]!.rounds.paramd![0]).to.have.property('near cache', 1);
    expect(Object.keys(comparisons[0]!.rounds)).to.include.members(['paramd', 'floor']);
    // 10,000 revisions, each once and in order.
    expect(comparisons[2]!.rounds.paramd).to.have.length(1);
  });

  it('names what it cannot do', async () => {
    const unknown = await compare(['nothing']);
    expect(unknown.code).to.equal(2);
    expect(unknown.err).to.include('there is no comparison nothing; there are get,');
    const without = await compare(['get'], { PARAMD_BENCH_ETCD: process.execPath });
    expect(without.code).to.equal(1);
    expect(without.err).to.include('is no etcd that runs');
  });
});

/** A process of its own: it ties itself to a core. */
function compare(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return new Promise<{ code: number; out: string; err: string }>((done) => {
    const command = [PARAMD, 'bench', 'compare', ...words];
    const child = execFile(process.execPath, command, { env: { ...process.env, ...env } }, (_, out, err) =>
      done({ code: child.exitCode ?? -1, out, err }),
    );
  });
}
