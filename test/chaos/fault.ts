import type { Metrics } from './metrics.ts';
import type { Site, SiteOptions } from './site.ts';

/** One row of the table of faults: how it is broken, how it heals, and what must hold besides the contract. */
export interface Fault {
  /** As reports show it: "Valkey frozen". */
  readonly name: string;
  /** "replica", "valkey", "bus", "postgres", "failover", "clock", "watchers", "clients", "load", "start". */
  readonly group: string;
  /** What `inject` and `demand` hold it to besides, for the report: "reads ≥ 99.99 %, writes ≥ 99.9 %". */
  readonly also?: string;
  /** How the site is built for it; by default three replicas, one PostgreSQL and one Valkey. */
  readonly site?: SiteOptions;
  /** Default false. True: a failover that may lose acknowledged writes, as far as its new era says. */
  readonly mayLose?: boolean;
  /** Where 5 s after healing are too few: how many, and why. Shown in the report. */
  readonly convergence?: { readonly msMax: number; readonly reason: string };
  /** Breaks it and lasts as long as the fault does; nothing is broken for good when it resolves, but for what `heal` does. */
  inject(site: Site, scale: Scale): Promise<void>;
  /** Undoes it. By default nothing is left to undo. */
  heal?(site: Site): Promise<void>;
  /**
   * What must hold besides: no violation of the checker, no exit but the injected and convergence are demanded of every
   * fault. Called after the traffic has ended. @returns what did not hold, for people; empty: all held
   */
  demand?(run: FaultRun): Promise<readonly string[]> | readonly string[];
}

/** In CI a fault is short and done few times; a campaign does it as it is written. */
export interface Scale {
  readonly short: boolean;
  /** That long in a campaign, a part of it (at least `leastMs`) in CI. */
  ms(full: number, leastMs?: number): number;
  /** So often in a campaign, less often in CI. */
  times(full: number, least?: number): number;
}

/** What a run measured, for `demand` and for the report. */
export interface FaultRun {
  readonly site: Site;
  readonly scale: Scale;
  readonly metrics: Metrics;
  /** Numbers for the report that `inject` and `demand` noted: "ready again, longest" → ms. */
  note(name: string, value: number, unit: 'ms' | 'count' | 'ratio' | 'bytes'): void;
}

/** Thrown by `inject`: this machine lacks what the fault needs. It is reported as not run, never as held. */
export class NotPossibleHere extends Error {}
