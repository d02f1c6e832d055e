import type { SharedEntry } from '../../ports/shared-cache.ts';

/** Of one command. While Valkey runs it, and while it is on its way, others wait. */
const COMMAND_ENTRIES_MAX = 100;
const COMMAND_BYTES_MAX = 256 << 10;

export interface PlacedEntry {
  readonly place: string;
  readonly entry: SharedEntry;
  /** With jitter. */
  readonly ttlMs: number;
  /** May be stored where nothing is. */
  readonly mayCreate: boolean;
}

interface Queued extends PlacedEntry {
  readonly tell: (stored: boolean) => void;
}

/**
 * Stores entries, many by one command: by a profile, a command for each took a tenth of the time of a replica that is
 * busy with writes. It is sent when the turn of the event loop has ended, so that answers go first: a writer does not wait
 * for Valkey (which may be woken on the same core).
 * @param send Never rejects; for each entry whether it was stored, or undefined: none was.
 */
export function createPutQueue(send: (entries: readonly PlacedEntry[]) => Promise<readonly boolean[] | undefined>) {
  let queue: Queued[] = [];

  function flush(): void {
    const queued = queue;
    queue = [];
    for (let start = 0; start < queued.length; ) {
      const end = endOfCommand(queued, start);
      void sendSome(queued.slice(start, end));
      start = end;
    }
  }

  async function sendSome(entries: readonly Queued[]): Promise<void> {
    const stored = await send(entries);
    for (const [at, { tell }] of entries.entries()) tell(stored?.[at] ?? false);
  }

  return (placed: PlacedEntry): Promise<boolean> =>
    new Promise((tell) => {
      if (queue.push({ ...placed, tell }) === 1) setImmediate(flush);
    });
}

/** At least one, however large. */
function endOfCommand(queued: readonly PlacedEntry[], start: number): number {
  let bytes = 0;
  for (let end = start; end < queued.length && end - start < COMMAND_ENTRIES_MAX; end++) {
    bytes += queued[end]!.entry.encoded?.length ?? 0;
    if (bytes > COMMAND_BYTES_MAX && end > start) return end;
  }
  return Math.min(queued.length, start + COMMAND_ENTRIES_MAX);
}
