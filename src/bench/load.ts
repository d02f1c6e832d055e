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

/** Calls for so long, so many at a time; each begins when another one has its answer. @throws what a call throws */
export async function runRound(peer: Peer, inFlight: number, seconds: number, first: number): Promise<Round> {
  const latenciesMs: number[] = [];
  const tiers: Record<string, number> = {};
  let next = first;
  const cpuBeforeMs = peer.cpuMs?.();
  const startedMs = performance.now();
  const endsMs = startedMs + seconds * 1000;
  const caller = async () => {
    for (let beganMs = performance.now(); beganMs < endsMs; ) {
      const tier = await peer.call(next++);
      const endedMs = performance.now();
      latenciesMs.push(endedMs - beganMs);
      if (tier !== undefined) tiers[tier] = (tiers[tier] ?? 0) + 1;
      beganMs = endedMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const tookMs = performance.now() - startedMs;
  const cpuAfterMs = peer.cpuMs?.();
  latenciesMs.sort((a, b) => a - b);
  const calls = latenciesMs.length;
  return {
    calls,
    callsPerSecond: (calls / tookMs) * 1000,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuMs: cpuBeforeMs === undefined || cpuAfterMs === undefined ? undefined : cpuAfterMs - cpuBeforeMs,
    tiers,
  };
}

/** Of sorted numbers; NaN of none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(numbers: readonly number[]): number {
  return quantile(
    [...numbers].sort((a, b) => a - b),
    0.5,
  );
}
