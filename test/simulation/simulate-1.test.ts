import { expect } from 'chai';
import { testSeeds } from './seeds.ts';
import { simulate } from './simulate.ts';

describe('a simulation', () => {
  it('of the same seed is the same to the byte', async () => {
    for (const seed of [1, 2, 3]) {
      const traces = [];
      for (let run = 0; run < 2; run++) {
        const lines: string[] = [];
        await simulate(seed, { trace: (line) => lines.push(line) });
        traces.push(lines.join('\n'));
      }
      expect(traces[0]!.length).to.be.greaterThan(1000);
      expect(traces[1]).to.equal(traces[0]);
    }
  });

  it('of other seeds meets what there is to meet', async () => {
    const sum = { acknowledged: 0, answered: 0, epochs: 0, deaths: 0 };
    for (let seed = 1; seed <= 50; seed++) {
      const { counts } = await simulate(seed);
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += counts[name];
    }
    expect(sum.acknowledged).to.be.greaterThan(500);
    expect(sum.answered).to.be.greaterThan(1500);
    expect(sum.epochs).to.be.greaterThan(20);
    expect(sum.deaths).to.be.greaterThan(20);
  });
});

describe('simulated histories keep C1, C2, C3, C5, C7, C8, C9 and C10', () => testSeeds(1, 2));
