/** What a run tells of itself, for the log. Never parameter values. */
export type JobReport = Readonly<Record<string, bigint | number | string | boolean>>;

interface AnyJob {
  /** Lower case with hyphens. */
  readonly name: string;
  /** Idempotent: it may run twice, or be cut off anywhere. */
  run(signal: AbortSignal): Promise<JobReport>;
}

/** Work on what all replicas share: each time one of them does it. */
export interface FleetJob extends AnyJob {
  readonly scope: 'fleet';
  /** Minute, hour, day, month, weekday, in UTC. */
  readonly cron: string;
}

/**
 * Work on this replica's own memory. Through a queue another replica would take it and do it to its own instead, or two
 * turns to one replica and none to the next; so these run on a timer of each replica.
 */
export interface ReplicaJob extends AnyJob {
  readonly scope: 'replica';
  /** Between the end of a run and the next, with jitter. Undefined: once, at the start, and again only if it failed. */
  readonly everyMs: number | undefined;
}

export type Job = FleetJob | ReplicaJob;
