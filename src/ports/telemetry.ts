/** What the core tells of itself. No label comes from a client. */
export interface Telemetry {
  add(counter: Counter, by?: number): void;
  /** Count since start. */
  total(counter: Counter): number;
  observe(histogram: Histogram, value: number): void;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
}

export const COUNTERS = {
  near_hits: 'Reads answered by the near cache',
  near_misses: 'Reads that the near cache could not answer',
  shared_hits: 'Lookups that the shared cache answered',
  shared_misses: 'Lookups that the shared cache could not answer',
  store_loads: 'Parameters loaded from the store, each shared by its callers',
  store_reads: 'Read statements sent to the store',
  degraded_answers: 'Answers flagged degraded',
  lease_lapses: 'Reads that waited because the last proof of freshness was too old for them',
  polls: 'Head reads',
  log_reads: 'Reads of the log by the tailer',
  catch_up_reads: 'Reads of the log for watches that catch up',
  bus_published: 'Announcements sent',
  bus_received: 'Announcements received',
  bus_dropped: 'Announcements dropped: old, foreign, or not authentic',
  bus_repaired: 'Holes in the announcements that were repaired from the log',
  bus_unsent: 'Announcements that could not be sent',
  shared_errors: 'Commands that Valkey did not answer in time or at all',
  shared_rejected: 'Entries in Valkey that were not authentic or not readable',
  epochs_started: 'Epoch changes seen',
  writes: 'Writes acknowledged',
  writes_refused: 'Writes that the store refused',
  write_retries: 'Batches sent again',
  watch_overflows: 'Watches that fell behind and read the log again',
  watch_events: 'Events handed to watches',
  watch_encodes: 'Events encoded for watches, each once for all that it concerns',
  job_runs: 'Runs of jobs begun',
  job_failures: 'Runs of jobs that failed',
  audit_sampled: 'Cached entries compared with the store',
  audit_inconsistent: 'Cached entries found to differ from the store: a defect',
} as const;
export type Counter = keyof typeof COUNTERS;

export const HISTOGRAMS = {
  batch_writes: 'Writes in one batch',
  batch_seconds: 'Time that the store took for a batch',
  load_seconds: 'Time that the store took for a read',
  job_seconds: 'Time that a run of a job took',
  audit_inconsistent_age_seconds: 'How long the store had held something else, of entries found to differ',
  propagation_seconds: 'From commit, by the store clock, to being applied here',
} as const;
export type Histogram = keyof typeof HISTOGRAMS;
