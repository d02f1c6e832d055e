import type { Evidence } from './evidence.ts';
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
 * their revision, and the others by any call that may have done them: its outcome is unknown, or it was acknowledged in a
 * later era, for having been lost in this one.
 */
export class Writes {
  readonly all: readonly Write[];
  readonly #owners: (Write | undefined)[];
  readonly #notBeforeMs: Float64Array;
  readonly #timeline: Timeline;
  readonly #evidence: Evidence;

  constructor({ operations }: History, timeline: Timeline, evidence: Evidence) {
    this.#timeline = timeline;
    this.#evidence = evidence;
    this.#owners = new Array(timeline.length);
    this.#notBeforeMs = new Float64Array(timeline.length).fill(Number.NEGATIVE_INFINITY);
    this.all = this.#group(operations.filter((operation) => operation.type === 'write'));
    this.#findByValue();
    this.#findDeletes();
  }

  /** Undefined: nobody wrote it. */
  ownerOf(position: Position): Write | undefined {
    return this.#owners[position];
  }

  /** Before, nobody had called for it. Of a delete anybody's call counts that may be the one. */
  notBeforeMs(position: Position): number {
    return this.#notBeforeMs[position]!;
  }

  /** Is the entry there what this write does to the state before it? */
  isContentOf({ attempts }: Write, position: Position): boolean {
    const entry = this.#timeline.entryAt(position);
    if (entry === undefined) return false;
    const expected = attempts[0]!.operations.filter(
      (operation) => operation.type === 'set' || this.#timeline.stateOf(operation.key, position - 1) !== undefined,
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

  #group(records: readonly WriteRecord[]): Write[] {
    const retried = new Map<string, WriteRecord[]>();
    const writes: Write[] = [];
    for (const record of records) {
      if (record.requestId === '') writes.push({ attempts: [record], firstCallMs: record.callMs, places: [] });
      else getOrMake(retried, record.requestId, () => []).push(record);
    }
    for (const attempts of retried.values()) {
      const firstCallMs = attempts.reduce((first, { callMs }) => Math.min(first, callMs), Number.POSITIVE_INFINITY);
      writes.push({ attempts, firstCallMs, places: [] });
    }
    return writes;
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
      if (owner === undefined) continue;
      this.#own(position, owner);
      this.#notBeforeMs[position] = owner.firstCallMs;
    }
  }

  /**
   * A delete of nothing may be acknowledged with the revision of the delete before it, so several may claim one. It is
   * of one that could be done there, best of one that could not have found nothing.
   */
  #findDeletes(): void {
    const told = new Map<bigint, Write[]>();
    const unknown = new Map<string, Write[]>();
    const acknowledged = new Map<string, Write[]>();
    for (const write of this.all) {
      if (!onlyDeletes(write)) continue;
      for (const { outcome, operations } of write.attempts) {
        if (outcome.status === 'ok') getOrMake(told, outcome.revision, () => []).push(write);
        const byKey = { ok: acknowledged, unknown, failed: undefined }[outcome.status];
        for (const { key } of byKey ? operations : []) getOrMake(byKey!, key, () => []).push(write);
      }
    }
    for (let position = 0; position < this.#timeline.length; position++) {
      const entry = this.#timeline.entryAt(position);
      if (entry === undefined || this.#owners[position] !== undefined || !entry.events.every(isDelete)) continue;
      const key = entry.events[0]?.key ?? '';
      const toldHere = told.get(entry.revision) ?? [];
      const toldLater = (acknowledged.get(key) ?? []).filter((write) => this.#wasDoneAgain(write, position));
      const others = [...(unknown.get(key) ?? []), ...toldLater];
      const owner =
        this.#fittingOf(position, toldHere) ??
        this.#fittingOf(position, others) ??
        [...toldHere, ...others].find((write) => this.#isAble(write, position));
      if (owner === undefined) continue;
      this.#own(position, owner);
      this.#notBeforeMs[position] = Math.min(earliestOf(toldHere), earliestOf(others));
    }
  }

  /** A batch whose outcome a replica did not learn is done once more if a failover lost it. */
  #wasDoneAgain({ attempts }: Write, position: Position): boolean {
    const timeline = this.#timeline;
    const era = timeline.eraAt(position);
    if (era === timeline.spans.length - 1) return false;
    return attempts.some(({ outcome }) => {
      const at = outcome.status === 'ok' ? timeline.positionOf(outcome.revision) : NOWHERE;
      return at !== NOWHERE && timeline.eraAt(at) > era && !timeline.reflects(at, position);
    });
  }

  #fittingOf(position: Position, claims: readonly Write[]): Write | undefined {
    const fitting = claims.filter((write) => this.#couldBeDone(write, position) && this.#isAble(write, position));
    return fitting.find((write) => !this.#conditionsHold(write, position)) ?? fitting[0];
  }

  #isAble(write: Write, position: Position): boolean {
    return !this.#hasDone(write, position) && this.isContentOf(write, position);
  }

  /** It had been called, and its conditions held. */
  #couldBeDone(write: Write, position: Position): boolean {
    return write.firstCallMs <= this.#evidence.provenMs(position) && this.#conditionsHold(write, position - 1);
  }

  #conditionsHold({ attempts }: Write, position: Position): boolean {
    return attempts[0]!.conditions.every(
      ({ key, revision }) => (this.#timeline.stateOf(key, position)?.revision ?? 0n) === revision,
    );
  }

  /** In the order that the position is of. */
  #hasDone({ places }: Write, position: Position): boolean {
    return places.some((place) => this.#timeline.reflects(position, place) || this.#timeline.reflects(place, position));
  }

  #own(position: Position, write: Write): void {
    this.#owners[position] = write;
    write.places.push(position);
  }
}

function earliestOf(writes: readonly Write[]): number {
  return writes.reduce((earliest, { firstCallMs }) => Math.min(earliest, firstCallMs), Number.POSITIVE_INFINITY);
}

export function onlyDeletes({ attempts }: Write): boolean {
  return attempts[0]!.operations.every(({ type }) => type === 'delete');
}

function isDelete({ type }: TrueEntry['events'][number]): boolean {
  return type === 'delete';
}
