import { expect } from 'chai';
import type { WatchBatch } from '../../src/core/api.ts';
import { Watcher } from '../../src/core/watch/watcher.ts';

describe('a watcher', () => {
  const open = () =>
    new Watcher({
      filter: { keys: [], prefixes: [''] },
      includePrevious: false,
      queueBytesMax: 1 << 20,
      position: 5n,
      greeted: true,
    });

  it('C10: reports no progress beyond what it has dropped and is to read again', async () => {
    const watcher = open();
    expect(watcher.offer(6n, [{ type: 'put', key: 'a', revision: 6n }])).to.equal(true);
    watcher.progress(7n);
    watcher.rewind();
    let told: WatchBatch | undefined;
    const next = watcher.next().then((batch) => {
      told = batch;
    });
    await Promise.resolve();
    expect(told).to.equal(undefined);
    expect(watcher.position).to.equal(5n);
    expect(watcher.handed).to.equal(5n);
    watcher.offer(6n, [{ type: 'put', key: 'a', revision: 6n }]);
    watcher.flush();
    await next;
    expect(told).to.include({ kind: 'changes', revision: 6n });
  });
});
