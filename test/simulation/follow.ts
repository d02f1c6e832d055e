import type { Watch, WatchBatch, WatchSpec } from '../../src/core/api.ts';
import { ParamdError } from '../../src/model/errors.ts';
import type { Event } from '../../src/model/event.ts';
import type { Parameter } from '../../src/model/parameter.ts';
import type { WatchedEvent, WatchRecord, WatchResponseRecord } from '../history/history.ts';
import { writtenValue } from './chronicle.ts';
import { type Client, foresee, KEYS } from './client.ts';
import type { Replica } from './fleet.ts';
import { Gone } from './machine.ts';

type Filter = Pick<WatchSpec, 'keys' | 'prefixes' | 'sendInitial' | 'includePrevious' | 'progressIntervalMs'>;

/** What a follower goes on from. Undefined: nothing that it could resume. */
type Position = bigint | undefined;

const FORESEEN = ['REVISION_LOST', 'REVISION_COMPACTED', 'CONSISTENCY_NOT_MET', 'OUTCOME_UNKNOWN'];

export interface Follower {
  readonly client: Client;
  /** Opens no other watch when this one ends, and leaves none. */
  stay(): void;
  /** It is open at a replica, and has been told that it has everything up to this revision. */
  isAt(revision: bigint): boolean;
  /** Closes the record. */
  finish(settled: boolean): void;
}

/** Watches the same keys for ever: whatever ends a watch, another one resumes behind what it has told. */
export function follow(client: Client): Follower {
  const { fleet } = client;
  const filter = anyFilter(client);
  let startRevision: bigint = fleet.chance.of(0.4) ? 1n : 0n;
  let stays = false;
  let open: OpenWatch | undefined;
  const run = async () => {
    for (;;) {
      const place = fleet.chance.pick(fleet.places);
      const replica = place.replica;
      if (replica?.core === undefined) {
        await fleet.sleep(fleet.chance.between(5, 40));
        continue;
      }
      open = new OpenWatch(client, replica, { ...filter, startRevision });
      const { endedBy, position } = await open.run(() => stays);
      if (endedBy === 'REVISION_LOST' || endedBy === 'REVISION_COMPACTED') startRevision = 0n;
      else if (position !== undefined) startRevision = position + 1n;
      await fleet.sleep(fleet.chance.between(1, 50));
    }
  };
  run().catch((error: unknown) => fleet.defect('C15', 'unforeseen error', `a follower: ${String(error)}`));
  return {
    client,
    stay: () => {
      stays = true;
    },
    isAt: (revision) => open?.isAt(revision) ?? false,
    finish: (settled) => open?.finish(settled),
  };
}

function anyFilter({ fleet }: Client): Filter {
  const { chance } = fleet;
  const isByPrefix = chance.of(0.6);
  return {
    keys: isByPrefix ? [] : [...new Set([chance.pick(KEYS), chance.pick(KEYS)])],
    prefixes: isByPrefix ? [chance.pick(['', '', 'a', 'a:'])] : chance.of(0.3) ? ['a:'] : [],
    sendInitial: chance.of(0.4),
    includePrevious: chance.of(0.5),
    progressIntervalMs: chance.pick([60, 300]),
  };
}

/** One call of Watch, until it ends in whatever way. */
class OpenWatch {
  readonly #client: Client;
  readonly #replica: Replica;
  readonly #spec: WatchSpec;
  readonly #openMs: number;
  readonly #responses: WatchResponseRecord[] = [];
  /** How long it takes to read a response. */
  readonly #slownessMs: number;
  #position: Position;
  #isRecorded = false;

  constructor(client: Client, replica: Replica, spec: WatchSpec) {
    this.#client = client;
    this.#replica = replica;
    this.#spec = spec;
    const { chance, world } = client.fleet;
    this.#openMs = world.monotonicMs();
    this.#slownessMs = chance.of(0.3) ? chance.between(10, 200) : 0;
    if (spec.startRevision > 0n) this.#position = spec.startRevision - 1n;
    this.#tell(() => `> ${replica.name} watch ${describeSpec(spec, client)}`);
  }

  isAt(revision: bigint): boolean {
    return !this.#isRecorded && this.#responses.length > 0 && this.#position === revision;
  }

  async run(stays: () => boolean): Promise<{ endedBy: string | undefined; position: Position }> {
    const { fleet } = this.#client;
    const { machine, core } = this.#replica;
    const leavesAtMs = fleet.world.monotonicMs() + fleet.chance.between(100, 4000);
    const left = new AbortController();
    let watch: Watch | undefined;
    let endedBy: string | undefined;
    try {
      const startedAtMs = machine.clock.monotonicMs();
      const call = { startedAtMs, deadlineAtMs: Number.POSITIVE_INFINITY, signal: left.signal };
      watch = await machine.serve(async () => core!.watch(this.#spec, call));
      while (stays() || fleet.world.monotonicMs() < leavesAtMs) {
        const batch = await machine.serve(() => watch!.next());
        this.#take(batch);
        if (this.#slownessMs > 0 && !stays()) await fleet.sleep(fleet.chance.between(0, this.#slownessMs));
      }
    } catch (error) {
      endedBy = this.#reasonOf(error);
    }
    machine.enter(() => watch?.close());
    this.#record(endedBy, false);
    return { endedBy, position: this.#isWhole() ? this.#position : undefined };
  }

  finish(settled: boolean): void {
    this.#record(undefined, settled);
  }

  /** A snapshot that is not complete is worth nothing. */
  #isWhole(): boolean {
    return this.#responses.at(-1)?.kind !== 'initial';
  }

  #reasonOf(error: unknown): string {
    const { fleet, name } = this.#client;
    if (error instanceof Gone) return 'UNAVAILABLE';
    if (!(error instanceof ParamdError)) {
      fleet.defect('C15', 'unforeseen error', `a watch of ${name}: ${error instanceof Error ? error.stack : error}`);
      return 'INTERNAL';
    }
    foresee(this.#client, 'a watch', error.failure.reason, FORESEEN);
    return error.failure.reason;
  }

  #take(batch: WatchBatch): void {
    const response = responseOf(batch, this.#client.fleet.world.monotonicMs(), this.#spec.includePrevious);
    this.#responses.push(response);
    if (response.kind !== 'initial') this.#position = response.revision;
    this.#tell(() => {
      const short = (revision: bigint) => this.#client.fleet.chronicle.short(revision);
      const events = response.events.map(({ key, type, value, revision }) => {
        return `${key}${type === 'put' ? `=${value}` : ' deleted'}@${short(revision)}`;
      });
      return `< ${this.#replica.name} ${response.kind} ${short(response.revision)} ${events.join(' ')}`;
    });
  }

  #record(endedBy: string | undefined, settled: boolean): void {
    if (this.#isRecorded) return;
    this.#isRecorded = true;
    const { id, fleet, recorder } = this.#client;
    const { keys, prefixes, startRevision, sendInitial, includePrevious } = this.#spec;
    const record: WatchRecord = {
      client: id,
      replica: this.#replica.name,
      openMs: this.#openMs,
      keys,
      prefixes,
      startRevision,
      sendInitial,
      includePrevious,
      responses: this.#responses,
      endedBy,
      endMs: fleet.world.monotonicMs(),
      settled,
    };
    recorder.watches.push(record);
    this.#tell(() => `watch at ${this.#replica.name} ${endedBy === undefined ? 'is left' : `ended: ${endedBy}`}`);
  }

  #tell(what: () => string): void {
    this.#client.fleet.trace.tell(this.#client.name, what);
  }
}

function describeSpec(spec: WatchSpec, client: Client): string {
  const short = (revision: bigint) => client.fleet.chronicle.short(revision);
  const what = [...spec.keys, ...spec.prefixes.map((prefix) => `"${prefix}"…`)].join(' ');
  const from = spec.startRevision === 0n ? 'from now' : `from ${short(spec.startRevision)}`;
  return `${what} ${from}${spec.sendInitial ? ', with a snapshot' : ''}${spec.includePrevious ? ', with previous' : ''}`;
}

function responseOf(batch: WatchBatch, atMs: number, withPrevious: boolean): WatchResponseRecord {
  switch (batch.kind) {
    case 'initial':
      return { atMs, kind: 'initial', revision: 0n, events: batch.parameters.map(snapshotEvent) };
    case 'changes':
      return {
        atMs,
        kind: 'changes',
        revision: batch.revision,
        events: batch.groups.flat().map((event) => changeEvent(event, withPrevious)),
      };
    default:
      return { atMs, kind: batch.kind, revision: batch.revision, events: [] };
  }
}

function snapshotEvent(parameter: Parameter): WatchedEvent {
  const { key, revision } = parameter;
  return { key, type: 'put', revision, value: writtenValue(parameter), previous: undefined };
}

function changeEvent({ key, type, revision, parameter, previous }: Event, withPrevious: boolean): WatchedEvent {
  const before = withPrevious && previous ? { value: writtenValue(previous), revision: previous.revision } : undefined;
  return { key, type, revision, value: type === 'put' ? writtenValue(parameter) : '', previous: before };
}
