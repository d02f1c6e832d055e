import type { Call } from '../../src/core/api.ts';
import type { RunningCore } from '../../src/core/core.ts';
import { ParamdError } from '../../src/model/errors.ts';
import type { Fleet, Place } from './fleet.ts';
import { Gone } from './machine.ts';

/** A client gives up so long after the deadline that it has given: by then a replica that runs must have answered. */
const GRACE_MS = 20;

/** What became of a call, as its client sees it. Without an answer from the replica, nobody knows what it did. */
export type Answer<T> =
  | { readonly status: 'ok'; readonly value: T }
  | { readonly status: 'failed'; readonly reason: string }
  | { readonly status: 'none'; readonly reason: string };

export interface Answered<T> {
  readonly replica: string;
  readonly callMs: number;
  readonly returnMs: number;
  readonly answer: Answer<T>;
}

/** Calls the replica of a place over a connection that breaks when it dies. */
export async function callPlace<T>(
  fleet: Fleet,
  place: Place,
  options: { readonly name: string; readonly deadlineMs: number; readonly source: string },
  run: (core: RunningCore, call: Call) => Promise<T>,
): Promise<Answered<T>> {
  const { world } = fleet;
  const callMs = world.monotonicMs();
  const replica = place.replica;
  const core = replica?.core;
  const ended = (answer: Answer<T>): Answered<T> => {
    return { replica: replica?.name ?? place.name, callMs, returnMs: world.monotonicMs(), answer };
  };
  if (replica === undefined || core === undefined) {
    // As if the connection was refused: time passes, or a client would try for ever.
    await fleet.sleep(1);
    return ended({ status: 'failed', reason: 'REFUSED' });
  }
  const { machine } = replica;
  const left = new AbortController();
  const { deadlineMs, source, name } = options;
  const served = machine.serve(() => {
    const startedAtMs = machine.clock.monotonicMs();
    return run(core, { startedAtMs, deadlineAtMs: startedAtMs + deadlineMs, signal: left.signal, source });
  });
  const gaveUp = Promise.withResolvers<Answer<T>>();
  const patience = world.setTimer(deadlineMs + GRACE_MS, () => {
    if (machine.isRunning && !machine.hasStopped(callMs)) {
      fleet.defect(
        'C2',
        'no answer in time',
        `${replica.name} has not answered ${name} of ${source} in ${deadlineMs} ms`,
      );
    }
    machine.enter(() => left.abort());
    gaveUp.resolve({ status: 'none', reason: 'DEADLINE_EXCEEDED' });
  });
  const answer = await Promise.race([
    gaveUp.promise,
    served.then(
      (value): Answer<T> => ({ status: 'ok', value }),
      (error: unknown): Answer<T> => {
        if (error instanceof Gone) return { status: 'none', reason: 'UNAVAILABLE' };
        if (error instanceof ParamdError) return { status: 'failed', reason: error.failure.reason };
        fleet.defect('C15', 'unforeseen error', `${name} at ${replica.name}: ${describe(error)}`);
        return { status: 'none', reason: 'INTERNAL' };
      },
    ),
  ]);
  patience.cancel();
  return ended(answer);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
