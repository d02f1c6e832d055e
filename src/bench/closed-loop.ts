import { LatencyHistogram } from './load/latency-histogram.ts';

export interface Loop {
  /** Callers; each begins its next call when it has the answer to the one before. */
  readonly inFlight: number;
  readonly durationMs: number;
  /** Of the first call. */
  readonly firstIndex: number;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** Told of a call that failed: it is not counted. What this throws ends the loop. */
  failed(error: unknown): void;
}

export interface LoopFigures {
  readonly calls: number;
  readonly tookMs: number;
  readonly latencies: LatencyHistogram;
}

/** A call again and again, for so long; calls that are in flight then are waited for, and counted. */
export async function closedLoop(call: (index: number) => Promise<unknown>, loop: Loop): Promise<LoopFigures> {
  const { inFlight, durationMs, firstIndex, signal, failed } = loop;
  const latencies = new LatencyHistogram();
  const startedMs = performance.now();
  const endsMs = startedMs + durationMs;
  let next = firstIndex;
  const caller = async () => {
    for (let beganMs = startedMs; beganMs < endsMs && !signal?.aborted; ) {
      try {
        await call(next++);
        latencies.record(performance.now() - beganMs);
      } catch (error) {
        if (!signal?.aborted) failed(error);
      }
      beganMs = performance.now();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return {
    calls: latencies.count,
    tookMs: performance.now() - startedMs,
    latencies,
  };
}
