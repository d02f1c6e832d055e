/** What the traffic saw, in a part of the run. */
export interface Metrics {
  /** Before anything broke. */
  readonly baseline: Phase;
  /** From the beginning of the fault until it healed. */
  readonly fault: Phase;
  /** Since it healed. */
  readonly healed: Phase;
  /** From healing until every replica answered a linearizable read and a write, and each watch was at the head. */
  readonly convergedMs: number;
}

export interface Phase {
  readonly startMs: number;
  readonly endMs: number;
  readonly reads: Calls;
  readonly writes: Calls;
  /** Answers flagged degraded. */
  readonly degraded: number;
}

export interface Calls {
  readonly count: number;
  readonly succeeded: number;
  /** Of the successful ones. NaN without any. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** By status and reason: "UNAVAILABLE STORE_UNREACHABLE" → how many. */
  readonly failures: Readonly<Record<string, number>>;
}
