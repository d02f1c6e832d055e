import type { Clock, Random, Timer } from '../../ports/clock.ts';

/**
 * A frozen Valkey must cost callers nothing after a few timeouts.
 *
 * Naive: count failures in a row, and let a caller try now and then. But when this process stalls, hundreds of commands
 * in flight are late at one moment and none of them says anything about Valkey; and a caller who tries for the others pays
 * the timeout. Here failures count only when they go on for longer than one timeout, a late command is looked at again
 * after the sockets were read, and while open the adapter itself probes.
 */
export interface Breaker {
  /** What the command gives; undefined if it fails, is late, or is not begun because the breaker is open. */
  run<T>(command: () => Promise<T>): Promise<T | undefined>;
  open(): boolean;
  close(): void;
}

export interface BreakerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs: number;
  /** Resolves if the other side is well. Called while open. */
  readonly probe: () => Promise<unknown>;
  /** An error by which the other side shows that it is there. */
  readonly harmless: (error: unknown) => boolean;
  readonly failed: () => void;
  readonly opened: () => void;
  readonly shut: () => void;
}

const FAILURES_TO_OPEN = 3;
const PROBE_FIRST_MS = 200;
const PROBE_LONGEST_MS = 2000;

export function createBreaker(options: BreakerOptions): Breaker {
  const { clock, random, timeoutMs } = options;
  let open = false;
  let closed = false;
  let failures = 0;
  let failingSinceMs = 0;
  let probes = 0;
  let probeTimer: Timer | undefined;

  function countFailure(): void {
    if (open) return;
    const nowMs = clock.monotonicMs();
    if (failures++ === 0) failingSinceMs = nowMs;
    if (failures < FAILURES_TO_OPEN || nowMs - failingSinceMs < timeoutMs / 2) return;
    open = true;
    probes = 0;
    options.opened();
    probeLater();
  }

  function probeLater(): void {
    if (closed) return;
    const ms = Math.min(PROBE_FIRST_MS * 2 ** probes++, PROBE_LONGEST_MS) * (0.5 + random() / 2);
    probeTimer = clock.setTimer(ms, () => inTime(options.probe).then(shut, probeLater));
  }

  function shut(): void {
    open = false;
    failures = 0;
    options.shut();
  }

  function inTime<T>(command: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error('late'));
      const timer = clock.setTimer(timeoutMs, () => setImmediate(late));
      command()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  return {
    async run(command) {
      if (open) return undefined;
      try {
        const value = await inTime(command);
        failures = 0;
        return value;
      } catch (error) {
        options.failed();
        if (options.harmless(error)) failures = 0;
        else countFailure();
        return undefined;
      }
    },
    open: () => open,
    close() {
      closed = true;
      probeTimer?.cancel();
    },
  };
}
