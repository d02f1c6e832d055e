import { getOrMake } from './get-or-make.ts';
import type { History, TrueEntry, WriteRecord } from './history.ts';
import { NOWHERE, type Position } from './position.ts';
import type { Timeline } from './timeline.ts';

/** What somebody wanted written once: one call, or several with the same request id. */
export interface Write {
  readonly attempts: readonly WriteRecord[];
  /** It cannot have been done before. */
  readonly firstCallMs: number;
  /** Where the log has it, oldest first. More than one: it was lost and then retried, or done twice. */
  readonly places: Position[];
}

/**
 * Which call each entry of the log is of. Values tell; deletes have none, so those that were acknowledged are taken by
 * their revision, and the others by any call of unknown outcome that may have done them.
 */
export class Writes {
  readonly all: readonly Write[];
  readonly #owners: (Write | undefined)[];
  readonly #timeline: Timeline;
  readonly #byRecord = new Map<WriteRecord, Write>();

  constructor({ operations }: History, timeline: Timeline) {
    this.#timeline = timeline;
    this.#owners = new Array(timeline.length);
    this.all = this.#group(operations.filter((operation) => operation.type === 'write'));
    this.#findByValue();
    this.#findAcknowledgedDeletes();
    this.#findUnknownDeletes();
  }

  /** Undefined: nobody wrote it. */
  ownerOf(position: Position): Write | undefined {
    return this.#owners[position];
  }

  writeOf(record: WriteRecord): Write {
    return this.#byRecord.get(record)!;
  }

  #group(records: readonly WriteRecord[]): Write[] {
    const groups = new Map<string | WriteRecord, WriteRecord[]>();
    for (const record of records) getOrMake(groups, record.requestId || record, () => []).push(record);
    return [...groups.values()].map((attempts) => {
      const firstCallMs = attempts.reduce((first, { callMs }) => Math.min(first, callMs), Number.POSITIVE_INFINITY);
      const write: Write = { attempts, firstCallMs, places: [] };
      for (const record of attempts) this.#byRecord.set(record, write);
      return write;
    });
  }

  #findByValue(): void {
    const byValue = new Map<string, Write>();
    for (const write of this.all) {
      for (const operation of write.attempts[0]!.operations) {
        if (operation.type === 'set') byValue.set(operation.value, write);
      }
    }
    for (let position = 0; position < this.#timeline.length; position++) {
      const put = this.#timeline.entryAt(position)?.events.find(({ type }) => type === 'put');
      const owner = put && byValue.get(put.value);
      if (owner !== undefined) this.#own(position, owner);
    }
  }

  #findAcknowledgedDeletes(): void {
    const claims = this.all.flatMap((write) =>
      onlyDeletes(write)
        ? write.attempts.flatMap(({ outcome }) =>
            outcome.status === 'ok' ? [{ write, revision: outcome.revision }] : [],
          )
        : [],
    );
    // A delete of nothing may be answered with the revision of the delete before it: the earlier call has done it.
    claims.sort((one, other) => one.write.firstCallMs - other.write.firstCallMs);
    for (const { write, revision } of claims) {
      const position = this.#timeline.positionOf(revision);
      if (position === NOWHERE || this.#owners[position] !== undefined || write.places.includes(position)) continue;
      if (this.isContentOf(write, position)) this.#own(position, write);
    }
  }

  #findUnknownDeletes(): void {
    const candidates = new Map<string, Write[]>();
    for (const write of this.all) {
      if (!onlyDeletes(write) || !write.attempts.some(({ outcome }) => outcome.status === 'unknown')) continue;
      for (const { key } of write.attempts[0]!.operations) {
        getOrMake(candidates, key, () => []).push(write);
      }
    }
    for (let position = 0; position < this.#timeline.length; position++) {
      const entry = this.#timeline.entryAt(position);
      if (entry === undefined || this.#owners[position] !== undefined || !entry.events.every(isDelete)) continue;
      const able = (candidates.get(entry.events[0]?.key ?? '') ?? []).filter(
        (write) => !this.#hasDone(write, position) && this.isContentOf(write, position),
      );
      const owner = able.toSorted((one, other) => one.firstCallMs - other.firstCallMs)[0];
      if (owner !== undefined) this.#own(position, owner);
    }
  }

  #own(position: Position, write: Write): void {
    this.#owners[position] = write;
    write.places.push(position);
  }

  /** In the order that the position is of. */
  #hasDone({ places }: Write, position: Position): boolean {
    return places.some((place) => this.#timeline.reflects(position, place) || this.#timeline.reflects(place, position));
  }

  /** Is the entry there what this write does to the state before it? */
  isContentOf({ attempts }: Write, position: Position): boolean {
    const entry = this.#timeline.entryAt(position);
    if (entry === undefined) return false;
    const before = position - 1;
    const expected = attempts[0]!.operations.filter(
      (operation) => operation.type === 'set' || this.#timeline.stateOf(operation.key, before) !== undefined,
    );
    return (
      expected.length === entry.events.length &&
      expected.every((operation, at) => {
        const event = entry.events[at]!;
        if (operation.key !== event.key) return false;
        return operation.type === 'set' ? event.type === 'put' && event.value === operation.value : isDelete(event);
      })
    );
  }
}

export function onlyDeletes({ attempts }: Write): boolean {
  return attempts[0]!.operations.every(({ type }) => type === 'delete');
}

function isDelete({ type }: TrueEntry['events'][number]): boolean {
  return type === 'delete';
}
