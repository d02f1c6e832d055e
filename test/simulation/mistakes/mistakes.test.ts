import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { expect } from 'chai';
import { huntMistake } from './catch-mistake.ts';
import { filesOf, putBack } from './mistake.ts';
import { MISTAKES, mistakeNamed } from './mistakes.ts';

/** The quickest to be caught, of every part of the core. `report.ts` hunts all of them. */
const QUICK = ['fill without the rule', 'hole skipped', 'fed while catching up', 'sent again under another id'];
const SEEDS_MAX = 100;

describe('mistakes put back into the sources', () => {
  it('have names of their own', () => {
    expect(new Set(MISTAKES.map(({ name }) => name)).size).to.equal(MISTAKES.length);
  });

  for (const mistake of MISTAKES) {
    it(`"${mistake.name}" can still be made`, () => {
      for (const file of filesOf(mistake)) {
        const source = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8');
        const mistaken = putBack(mistake, file, source);
        expect(mistaken).to.not.equal(source);
        stripTypeScriptTypes(mistaken);
      }
    });
  }

  it('are refused if what they replace is not there, or more than once', () => {
    const mistake = { name: 'm', slip: '', breaks: [], edits: [{ file: 'a.ts', find: 'one', replace: 'two' }] };
    expect(putBack(mistake, 'a.ts', 'one;')).to.equal('two;');
    expect(putBack(mistake, 'b.ts', 'one;')).to.equal('one;');
    expect(() => putBack(mistake, 'a.ts', 'nothing')).to.throw('occurs 0 times');
    expect(() => putBack(mistake, 'a.ts', 'one one')).to.throw('occurs 2 times');
  });

  for (const name of QUICK) {
    it(`"${name}" is caught by the simulation`, async () => {
      const { violation } = await huntMistake(name, { firstSeed: 1, seedsMax: SEEDS_MAX, secondsMax: 15 });
      expect(violation, `not caught in ${SEEDS_MAX} seeds`).to.not.equal(undefined);
      expect(mistakeNamed(name).breaks).to.include(violation!.promise);
    });
  }

  it('none: nothing is caught', async () => {
    const { seeds, violation } = await huntMistake(undefined, { firstSeed: 1, seedsMax: SEEDS_MAX, secondsMax: 15 });
    expect(violation).to.equal(undefined);
    expect(seeds).to.be.greaterThan(0);
  });
});
