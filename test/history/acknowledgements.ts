import type { CheckContext } from './check-context.ts';
import { counts, revisionOf } from './check-writes.ts';
import { getOrMake } from './get-or-make.ts';
import type { ReadRecord } from './history.ts';
import { NOWHERE, type Position } from './position.ts';
import { firstFrom } from './sorted.ts';

/** In the order of time: when, and the newest that was acknowledged until then. */
interface Progress {
  readonly times: number[];
  readonly newest: Position[];
}

interface Acknowledgement {
  readonly returnMs: number;
  readonly position: Position;
  readonly keys: readonly string[];
}

/** What each replica had acknowledged when (C1). */
export class Acknowledgements {
  readonly #byReplica = new Map<string, Acknowledgement[]>();
  /** By replica, then by key, or by prefix with a star. */
  readonly #progress = new Map<string, Map<string, Progress>>();

  constructor(context: CheckContext) {
    const { history, timeline } = context;
    for (const record of history.operations) {
      if (record.type !== 'write' || !counts(context, record)) continue;
      const position = timeline.positionOf(revisionOf(record)!);
      if (position === NOWHERE) continue;
      const { replica, returnMs, operations } = record;
      const keys = operations.map(({ key }) => key);
      getOrMake(this.#byReplica, replica, () => []).push({ returnMs, position, keys });
    }
    for (const [replica, acknowledged] of this.#byReplica) {
      acknowledged.sort((one, other) => one.returnMs - other.returnMs);
      const byKey = new Map<string, Progress>();
      for (const { keys, ...acknowledgement } of acknowledged) {
        for (const key of keys) append(byKey, `k${key}`, acknowledgement);
      }
      this.#progress.set(replica, byKey);
    }
  }

  /** The newest write to what is read that its replica had acknowledged before the call. NOWHERE: there was none. */
  newestBefore({ replica, method, keys, prefix = '', callMs }: ReadRecord): Position {
    const progress = this.#progress.get(replica);
    if (progress === undefined) return NOWHERE;
    if (method === 'list') return before(this.#ofPrefix(replica, prefix, progress), callMs);
    let newest: Position = NOWHERE;
    for (const key of keys) newest = Math.max(newest, before(progress.get(`k${key}`), callMs));
    return newest;
  }

  #ofPrefix(replica: string, prefix: string, progress: Map<string, Progress>): Progress | undefined {
    const name = `p${prefix}`;
    if (!progress.has(name)) {
      progress.set(name, { times: [], newest: [] });
      for (const { keys, ...acknowledgement } of this.#byReplica.get(replica)!) {
        if (keys.some((key) => key.startsWith(prefix))) append(progress, name, acknowledgement);
      }
    }
    return progress.get(name);
  }
}

function append(all: Map<string, Progress>, name: string, { returnMs, position }: Omit<Acknowledgement, 'keys'>): void {
  const progress = getOrMake(all, name, () => ({ times: [], newest: [] }));
  progress.times.push(returnMs);
  progress.newest.push(Math.max(position, progress.newest.at(-1) ?? NOWHERE));
}

function before(progress: Progress | undefined, ms: number): Position {
  return progress?.newest[firstFrom(progress.times, ms) - 1] ?? NOWHERE;
}
