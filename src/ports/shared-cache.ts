import type { Revision } from '../model/revision.ts';

/** What every replica can see: one entry for each key. It is never trusted for freshness, only asked for contents. */
export interface SharedCache {
  /** Undefined is a miss: not there, not readable, not authentic, not in time, or Valkey is away. Never throws. */
  get(key: string): Promise<SharedEntry | undefined>;
  getMany(keys: readonly string[]): Promise<ReadonlyMap<string, SharedEntry>>;
  /**
   * Stores the entry unless a newer one is there: a newer `revision` stays, an equal one is replaced by a higher asOf.
   * Never throws; false: not stored.
   */
  put(key: string, entry: SharedEntry): Promise<boolean>;
  /** Keys of some entries, others each time, also of such as are not readable. Never throws. */
  sample(keysMax: number): Promise<readonly string[]>;
  /** Removes what is there, whatever it is. Never throws. */
  drop(key: string): Promise<void>;
  /** From now on only entries of this epoch are seen or stored. */
  useEpoch(epochId: string): void;
  close(): Promise<void>;
}

export interface SharedEntry {
  /** Of the key's last write; of its delete in a tombstone; asOf where absence was read from the store. */
  readonly revision: Revision;
  /** The revision at which this was known to be current. */
  readonly asOf: Revision;
  /** As ParameterCodec encodes it; null: the key does not exist. */
  readonly encoded: Uint8Array | null;
  /** How long a tier may keep it, before jitter. */
  readonly ttlMs: number;
}
