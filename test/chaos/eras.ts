import type { Era, TrueEntry } from '../history/history.ts';

/** What one server has, as far as it is known. */
export interface ServerLog {
  /** By revision, oldest first. */
  readonly entries: Map<bigint, TrueEntry>;
  /** Oldest first. */
  epochs: readonly EpochRow[];
}

/** Of the table: pg gives bigint as text. */
export interface EpochRow {
  readonly number: string;
  readonly id: string;
  readonly start_revision: string;
}

/** A server while it was the primary. */
export interface Reign {
  readonly log: ServerLog;
  readonly untilMs: number;
}

type GrowingEra = Omit<Era, 'entries'> & { entries: readonly TrueEntry[] };

/** An epoch that lives on in a promoted copy is one era, with all that any of its servers committed in it. */
export function erasOf(reigns: readonly Reign[]): Era[] {
  const eras: GrowingEra[] = [];
  for (const { log, untilMs } of reigns) {
    let continues = -1;
    for (const [at, { id, number, start_revision }] of log.epochs.entries()) {
      const startRevision = BigInt(start_revision);
      const next = log.epochs[at + 1];
      const entries = entriesIn(log, startRevision, next && BigInt(next.start_revision));
      const known = eras.findIndex((era) => era.epochId === id && agree(era.entries, entries));
      if (known >= 0) {
        eras[known]!.entries = united(eras[known]!.entries, entries);
        continues = known;
        continue;
      }
      const keptRevision = [...log.entries.keys()].findLast((revision) => revision < startRevision) ?? 0n;
      const endMs = next === undefined ? untilMs : Number.POSITIVE_INFINITY;
      eras.push({ epochNumber: BigInt(number), epochId: id, startRevision, keptRevision, continues, entries, endMs });
      continues = eras.length - 1;
    }
  }
  return eras;
}

function entriesIn(log: ServerLog, from: bigint, before: bigint | undefined): TrueEntry[] {
  const entries = [...log.entries.values()];
  return entries.filter(({ revision }) => revision >= from && (before === undefined || revision < before));
}

/** A promoted copy has of an epoch what its former primary had, or less. Otherwise it is told as a second one. */
function agree(some: readonly TrueEntry[], others: readonly TrueEntry[]): boolean {
  const batches = new Map(some.map(({ revision, batchId }) => [revision, batchId]));
  return others.every(({ revision, batchId }) => (batches.get(revision) ?? batchId) === batchId);
}

function united(some: readonly TrueEntry[], others: readonly TrueEntry[]): TrueEntry[] {
  const all = new Map([...some, ...others].map((entry) => [entry.revision, entry]));
  return [...all.values()].sort((one, other) => (one.revision < other.revision ? -1 : 1));
}
