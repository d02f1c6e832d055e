import type { ReadSettings } from './requests.ts';
import { ParamdRpcError } from './rpc-error.ts';

/**
 * The newest revision that answers, writes and watches of one client told of. Reads carry it along as
 * at_least_revision, so that they never go back, on whichever replica they end up (C3).
 */
export interface LastSeen {
  readonly revision: bigint;
  note(revision: bigint | undefined): void;
  /** The settings as they go to the server. What the caller says itself, be it 0n, counts. */
  carried<T extends ReadSettings>(settings: T): T;
  /**
   * Does a read. A carried revision that the servers have lost (DATA_LOSS) is the one failure that would come again for
   * ever: the caller is told of it once, and the next read goes without. One that the caller demanded itself is its own.
   */
  reading<T>(settings: ReadSettings, carried: ReadSettings, read: Promise<T>): Promise<T>;
}

export function startLastSeen(carry: boolean): LastSeen {
  let revision = 0n;
  return {
    get revision() {
      return revision;
    },
    note: (seen = 0n) => {
      if (seen > revision) revision = seen;
    },
    carried: (settings) =>
      carry && settings.atLeastRevision === undefined ? { ...settings, atLeastRevision: revision } : settings,
    reading: async (settings, carried, read) => {
      try {
        return await read;
      } catch (error) {
        const isLost = error instanceof ParamdRpcError && error.reason === 'REVISION_LOST';
        const isOurs = settings.atLeastRevision === undefined && carried.atLeastRevision === revision;
        if (isLost && isOurs) revision = 0n;
        throw error;
      }
    },
  };
}
