import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Figures } from '../../src/bench/compare/alternate.ts';

const bench = resolve('src/bench/first-figures.ts');
const QUICK = ['--seconds', '0.2', '--rounds', '1', '--keys', '500', '--in-flight', '16'];
const TIERS = ['near cache', 'shared cache', 'store'];

describe('npm run bench', () => {
  it('measures every tier as that tier, and its peers beside it', async function () {
    this.timeout(120_000);
    const { stdout } = await promisify(execFile)(process.execPath, [bench, ...QUICK, '--json'], {
      maxBuffer: 1 << 24,
    });
    const { figures } = JSON.parse(stdout) as { figures: Figures[] };
    const peers = new Set(figures.map(({ peer }) => peer));
    const withValkey = process.env.PARAMD_TEST_VALKEY_URL === undefined ? [] : ['shared cache', 'iovalkey GET'];
    expect(peers).to.include.all.keys('near cache', 'store', 'gRPC echo', 'pg SELECT', 'SetParameter', 'pg INSERT');
    expect(peers).to.include.all.keys(...withValkey, 'gRPC echo of a write');
    for (const { peer, rounds } of figures) {
      for (const { calls, tiers } of rounds) {
        expect(calls, peer).to.be.greaterThan(0);
        // On a busy machine a lookup in Valkey may be given up, and the store answers: now and then, not as a rule.
        if (TIERS.includes(peer)) expect((tiers[peer] ?? 0) / calls, peer).to.be.greaterThan(0.5);
      }
    }
  });
});
