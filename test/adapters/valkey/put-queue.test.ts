import { expect } from 'chai';
import { createPutQueue, type PlacedEntry } from '../../../src/adapters/valkey/put-queue.ts';

describe('put queue', () => {
  it('sends what one turn brings in one command, after it, and tells each what became of it', async () => {
    const sent: string[][] = [];
    const put = createPutQueue(async (entries) => {
      sent.push(placesOf(entries));
      return entries.map(({ place }) => place !== 'b');
    });
    const stored = Promise.all(['a', 'b', 'c'].map((place) => put(placed(place, 10))));
    await Promise.resolve();
    expect(sent).to.deep.equal([]);
    expect(await stored).to.deep.equal([true, false, true]);
    expect(await put(placed('d', 10))).to.equal(true);
    expect(sent).to.deep.equal([['a', 'b', 'c'], ['d']]);
  });

  it('splits by number and by bytes, in order', async () => {
    const sent: string[][] = [];
    const put = createPutQueue(async (entries) => {
      sent.push(placesOf(entries));
      return entries.map(() => true);
    });
    const sizes = [300 << 10, 100 << 10, 100 << 10, 100 << 10, ...Array.from({ length: 120 }, () => 1)];
    await Promise.all(sizes.map((bytes, at) => put(placed(String(at), bytes))));
    expect(sent.map(({ length }) => length)).to.deep.equal([1, 2, 100, 21]);
    expect(sent.flat()).to.deep.equal(sizes.map((_, at) => String(at)));
  });

  it('tells all of a command that failed that they were not stored', async () => {
    const put = createPutQueue(async () => undefined);
    expect(await Promise.all([put(placed('a', 1)), put(placed('b', 1))])).to.deep.equal([false, false]);
  });
});

function placed(place: string, bytes: number): PlacedEntry {
  const entry = { revision: 1n, asOf: 1n, encoded: new Uint8Array(bytes), ttlMs: 1000 };
  return { place, entry, ttlMs: 1000, mayCreate: true };
}

function placesOf(entries: readonly PlacedEntry[]): string[] {
  return entries.map(({ place }) => place);
}
