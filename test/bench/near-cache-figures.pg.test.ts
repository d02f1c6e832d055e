import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { NearCacheFigures } from '../../src/bench/near-cache/near-cache-report.ts';
import { checkHolds, numberAt, numberKey, PREFIX, writeNumbers } from '../../src/bench/near-cache/numbers.ts';
import { memoryClient } from '../../src/client/testing.ts';

const bench = resolve('src/bench/near-cache-figures.ts');
const QUICK = ['--parameters', '2000', '--rounds', '1', '--starts', '1', '--caches', '3', '--idle-seconds', '0.1'];

describe('npm run bench:near-cache', () => {
  it('measures reads, memory, starts and idle caches', async function () {
    this.timeout(120_000);
    const { stdout } = await promisify(execFile)(process.execPath, [bench, ...QUICK, '--json']);
    const figures = JSON.parse(stdout) as NearCacheFigures;
    for (const { cacheNs, mapNs } of [figures.many, figures.one]) {
      expect([cacheNs.length, mapNs.length]).to.deep.equal([1, 1]);
      expect(Math.min(...cacheNs, ...mapNs)).to.be.greaterThan(0);
    }
    expect(figures.bytes[0]?.mapPerParameter).to.be.greaterThan(0);
    expect(figures.bytes[0]?.cachePerParameter).to.be.greaterThan(0);
    expect(figures.serverStartsMs).to.have.length(1);
    expect(figures.snapshotStartsMs).to.have.length(1);
    expect(figures.progressCalls).to.be.greaterThan(0);
    expect(figures.idleUsPerSecond).to.have.length(1);
  });

  describe('takes no cache for full', () => {
    const COUNT = 400;

    for (const [what, change] of [
      ['a parameter less', (client: ReturnType<typeof memoryClient>) => client.delete(numberKey(7))],
      ['a parameter more', (client) => client.set(`${PREFIX}x`, 1n)],
      ['another value', (client) => client.set(numberKey(7), BigInt(numberAt(7) + 1))],
    ] as readonly [string, (client: ReturnType<typeof memoryClient>) => Promise<unknown>][]) {
      it(`with ${what}`, async () => {
        const client = memoryClient();
        await writeNumbers(client, COUNT);
        const cache = client.cache({ prefixes: [PREFIX], log: () => {} });
        try {
          await cache.ready();
          expect(() => checkHolds(cache, COUNT, 'SNAPSHOT')).to.throw('is CACHE, not SNAPSHOT');
          checkHolds(cache, COUNT, 'CACHE');
          await change(client);
          await cache.atLeast(client.lastSeenRevision);
          expect(() => checkHolds(cache, COUNT, 'CACHE')).to.throw(/the near cache holds/);
        } finally {
          client.close();
          await cache.close();
        }
      });
    }
  });
});
