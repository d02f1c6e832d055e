import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for a condition, not for a time. @returns how many ms it took */
export async function eventually(condition: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<number> {
  const startedAtMs = performance.now();
  for (;;) {
    if (await condition()) return performance.now() - startedAtMs;
    if (performance.now() - startedAtMs > withinMs) throw new Error(`not within ${withinMs} ms: ${condition}`);
    await sleep(2);
  }
}

/** Does it over and over until told to stop, or until it fails: then `ended` rejects. */
export function repeating(round: (count: number) => Promise<void>): { ended: Promise<void>; stop(): Promise<void> } {
  let stopped = false;
  const running = (async () => {
    for (let count = 0; !stopped; count++) await round(count);
  })();
  running.catch(() => {});
  return {
    ended: running,
    stop: () => {
      stopped = true;
      return running;
    },
  };
}

/** Campaigns are long; in the ordinary run each test takes a small part of one. */
export function campaignMs(shortMs: number): number {
  return shortMs * Number(process.env.PARAMD_TEST_CAMPAIGN ?? 1);
}
