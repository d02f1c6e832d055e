import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { systemClock } from '../../../src/adapters/system/clock.ts';

describe('system clock', () => {
  it('never fires early', async () => {
    const early = await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const ms = (index % 40) / 7;
        const startedMs = systemClock.monotonicMs();
        return new Promise<boolean>((resolve) => {
          systemClock.setTimer(ms, () => resolve(systemClock.monotonicMs() - startedMs < ms));
          setTimeout(() => {}, 20); // keeps the process alive
        });
      }),
    );
    expect(early).to.not.include(true);
  });

  it('waits for longer than Node can, and is cancelled', async () => {
    let fired = false;
    const timers = [2 ** 31, Number.POSITIVE_INFINITY, 1].map((ms) => systemClock.setTimer(ms, () => (fired = true)));
    timers.at(-1)?.cancel();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fired).to.equal(false);
    for (const timer of timers) timer.cancel();
  });

  it('does not keep the process alive', () => {
    const script =
      "import { systemClock } from './src/adapters/system/clock.ts'; systemClock.setTimer(60_000, () => {});";
    const { status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 15_000 });
    expect({ status, signal }).to.deep.equal({ status: 0, signal: null });
  });
});
