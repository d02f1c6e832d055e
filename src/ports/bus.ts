import type { LogEntry } from '../model/event.ts';
import type { Revision } from '../model/revision.ts';

/**
 * Carries committed changes to the other replicas. It only makes them faster: whatever it loses, doubles, delays,
 * reorders or forges is found out by revision and batch id, and repaired from the log.
 */
export interface Bus {
  /** Returns at once; what cannot be sent is dropped and counted. */
  publish(announcement: Announcement): void;
  /** One listener. */
  listen(listener: BusListener): void;
  state(): BusState;
  /** The log had revisions that no announcement told of: check the connection now, and say disconnected if it is dead. */
  suspect(): void;
  close(): Promise<void>;
}

export type BusState = 'connected' | 'disconnected' | 'disabled';

export interface BusListener {
  /** Of another replica: own ones do not come back. */
  announced(announcement: Announcement): void;
  /** After every subscribe and re-subscribe: announcements before it may have been missed. */
  connected(): void;
  /** As soon as it is known. */
  disconnected(): void;
}

/** Whole revisions of one batch, `from` to `to` without a hole. Values may be left out. */
export interface Announcement {
  readonly epochNumber: bigint;
  readonly epochId: string;
  readonly from: Revision;
  readonly to: Revision;
  /** Of the batch that committed `from` - 1. */
  readonly previousBatchId: string;
  /** Oldest first; all have the same batchId. */
  readonly entries: readonly LogEntry[];
}
