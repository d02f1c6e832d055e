import type { Fleet, Place } from './fleet.ts';
import type { Recorder } from './recorder.ts';

/** Prefixes of one another, and one that is written often. */
export const KEYS = ['a', 'a:1', 'a:2', 'b', 'b', 'c'] as const;

/** One that calls replicas, one call at a time, and remembers what it has seen. */
export interface Client {
  readonly id: number;
  readonly name: string;
  readonly fleet: Fleet;
  readonly recorder: Recorder;
  /** Are request ids used? They keep history from being compacted. */
  readonly usesRequestIds: boolean;
  /** The newest revision that it saw: carried along (C3). */
  seen: bigint;
  /** At which revision it saw a key last; 0n: absent. */
  readonly known: Map<string, bigint>;
  /** Where it goes if nothing is wrong there. */
  home: Place;
}

/** Mostly the same place, as a connection does; after trouble another one. */
export function anyPlace({ fleet, home }: Client): Place {
  return fleet.chance.of(0.6) ? home : fleet.chance.pick(fleet.places);
}

export function moveOn(client: Client): void {
  client.home = client.fleet.chance.pick(client.fleet.places);
}

export function saw(client: Client, revision: bigint): void {
  if (revision > client.seen) client.seen = revision;
}

/** What no call of this kind may be answered with is a defect. */
export function foresee(client: Client, what: string, reason: string, foreseen: readonly string[]): void {
  if (ALWAYS.includes(reason) || foreseen.includes(reason)) return;
  client.fleet.defect('C15', 'unexpected failure', `${client.name}: ${what} was answered with ${reason}`);
}

/** What any call may meet: of the replica's own, and of the connection to it. */
const ALWAYS: readonly string[] = ['STORE_UNREACHABLE', 'REFUSED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL'];
