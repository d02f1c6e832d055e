import type { History, Report } from '../history/history.ts';
import type { Metrics } from './metrics.ts';
import type { SiteReplica } from './site.ts';

/** What one run of a fault came to. */
export interface FaultResult {
  readonly name: string;
  readonly group: string;
  /** What was demanded besides what is demanded of all. */
  readonly also: string;
  readonly outcome: 'held' | 'failed' | 'not run';
  /** What did not hold; why it was not run. */
  readonly problems: readonly string[];
  readonly seed: number;
  readonly durationMs: number;
  readonly counts: Report['counts'];
  readonly violations: number;
  /** Undefined: the fault did not come so far. */
  readonly metrics: Metrics | undefined;
  /** Calls that found no room: so many were in flight. */
  readonly turnedAway: number;
  /** So long this process, which has the traffic and the proxies, did nothing at a stretch: a part of every latency. */
  readonly pauseMsMax: number;
  /** The bound, and why it is another one than that of all faults. */
  readonly convergence: { readonly msMax: number; readonly reason?: string };
  readonly notes: readonly Note[];
}

/** A number that a fault measured. */
export interface Note {
  readonly name: string;
  readonly value: number;
  readonly unit: 'ms' | 'count' | 'ratio' | 'bytes';
}

/** For looking into a failure. */
export interface Evidence {
  readonly history: History | undefined;
  readonly trace: readonly string[];
  readonly logs: ReadonlyMap<string, SiteReplica['log']>;
}
