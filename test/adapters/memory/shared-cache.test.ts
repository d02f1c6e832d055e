import { expect } from 'chai';
import { MemorySharedCache, MemoryValkey } from '../../../src/adapters/memory/shared-cache.ts';
import { disabledSharedCache } from '../../../src/adapters/memory/shared-cache-disabled.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { expectSame, present, sharedCacheContract } from '../../contract/shared-cache.ts';

let nowMs = 0;
const clock: Clock = {
  monotonicMs: () => nowMs,
  wallMs: () => nowMs,
  setTimer(ms, run) {
    nowMs += ms;
    queueMicrotask(run);
    return { cancel: () => {} };
  },
};

sharedCacheContract('memory', async () => {
  const valkey = new MemoryValkey();
  return {
    attach: async (installationId) => new MemorySharedCache({ valkey, clock, installationId }),
    elapse: async (ms) => {
      nowMs += ms;
    },
    close: async () => {},
  };
});

describe('memory shared cache', () => {
  let valkey: MemoryValkey;
  let cache: MemorySharedCache;

  beforeEach(() => {
    valkey = new MemoryValkey();
    cache = new MemorySharedCache({ valkey, clock });
    cache.useEpoch('epoch');
  });

  it('can hold an answer that was read before a later put', async () => {
    await cache.put('k', present(1n, 1n, 'old'));
    const hold = valkey.hold('get-answer', 'k');
    const got = cache.get('k');
    await hold.reached;
    await cache.put('k', present(2n, 2n, 'new'));
    hold.release();
    expectSame(await got, present(1n, 1n, 'old'));
    expectSame(await cache.get('k'), present(2n, 2n, 'new'));
  });

  it('can hold a request', async () => {
    const hold = valkey.hold('put-request');
    const put = cache.put('k', present(1n, 1n, 'x'));
    await hold.reached;
    expect(await cache.get('k')).to.equal(undefined);
    hold.release();
    expect(await put).to.equal(true);
    expectSame(await cache.get('k'), present(1n, 1n, 'x'));
  });

  it('can fail, freeze, restart empty and with an old dump', async () => {
    await cache.put('k', present(1n, 1n, 'old'));
    const dump = valkey.dump();
    await cache.put('k', present(2n, 2n, 'new'));
    for (const mode of ['failing', 'frozen'] as const) {
      valkey.mode = mode;
      expect(await cache.get('k')).to.equal(undefined);
      expect(await cache.put('k', present(3n, 3n, 'x'))).to.equal(false);
    }
    valkey.mode = 'working';
    valkey.load(dump);
    expectSame(await cache.get('k'), present(1n, 1n, 'old'));
    valkey.load();
    expect(await cache.get('k')).to.equal(undefined);
    expect(valkey.size).to.equal(0);
  });

  it('is disabled without Valkey', async () => {
    disabledSharedCache.useEpoch('epoch');
    expect(await disabledSharedCache.put('k', present(1n, 1n, 'x'))).to.equal(false);
    expect(await disabledSharedCache.get('k')).to.equal(undefined);
    expect((await disabledSharedCache.getMany(['k'])).size).to.equal(0);
  });
});
