import { expect } from 'chai';
import { readAhead } from '../../src/cli/import/read-ahead.ts';

describe('readAhead', () => {
  /** Counts from 1 on, and notes what is made and when it is over. */
  function counting(last: number) {
    const seen: (number | 'over')[] = [];
    async function* numbers() {
      try {
        for (let number = 1; number <= last; number++) {
          seen.push(number);
          yield number;
        }
      } finally {
        seen.push('over');
      }
    }
    return { seen, items: readAhead(numbers()) };
  }

  it('makes the next item while one is used, and no other', async () => {
    const { seen, items } = counting(4);
    const used: number[] = [];
    for await (const item of items) {
      used.push(item);
      await new Promise(setImmediate);
      expect(seen.filter((one) => one !== 'over')).to.have.length(Math.min(item + 1, 4));
    }
    expect(used).to.deep.equal([1, 2, 3, 4]);
    expect(seen).to.deep.equal([1, 2, 3, 4, 'over']);
  });

  it('ends its source when it is left', async () => {
    const { seen, items } = counting(9);
    for await (const item of items) if (item === 2) break;
    expect(seen).to.deep.equal([1, 2, 3, 'over']);
  });

  it('tells of a failure in its turn', async () => {
    async function* failing() {
      yield 1;
      throw new Error('no second');
    }
    const items = readAhead(failing());
    expect((await items.next()).value).to.equal(1);
    await new Promise(setImmediate);
    expect(await items.next().catch((error) => error.message)).to.equal('no second');
  });
});
