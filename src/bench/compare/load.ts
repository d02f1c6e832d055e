import { closedLoop } from '../closed-loop.ts';

/** One kind of call, made again and again. */
export interface Peer {
  readonly name: string;
  /** @returns which tier answered, where there are tiers */
  call(index: number): Promise<string | undefined>;
  /** Of the server's process; undefined: several processes, or not known. */
  readonly cpuMs?: (() => number | undefined) | undefined;
}

export interface Round {
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the server's process, by a clock of 10 ms: add rounds up before dividing. */
  readonly cpuMs: number | undefined;
  /** How many calls each tier answered. */
  readonly tiers: Readonly<Record<string, number>>;
}

/** Calls for so long, so many at a time. @throws what a call throws */
export async function runRound(peer: Peer, inFlight: number, seconds: number, firstIndex: number): Promise<Round> {
  const tiers: Record<string, number> = {};
  const cpuBeforeMs = peer.cpuMs?.();
  const { calls, tookMs, quantileMs } = await closedLoop(
    async (index) => {
      const tier = await peer.call(index);
      if (tier !== undefined) tiers[tier] = (tiers[tier] ?? 0) + 1;
    },
    { inFlight, durationMs: seconds * 1000, firstIndex, failed: rethrow },
  );
  const cpuAfterMs = peer.cpuMs?.();
  return {
    calls,
    callsPerSecond: (calls / tookMs) * 1000,
    p50Ms: quantileMs(0.5),
    p99Ms: quantileMs(0.99),
    cpuMs: cpuBeforeMs === undefined || cpuAfterMs === undefined ? undefined : cpuAfterMs - cpuBeforeMs,
    tiers,
  };
}

function rethrow(error: unknown): never {
  throw error;
}
