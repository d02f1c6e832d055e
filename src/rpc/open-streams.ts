// Streams live until somebody ends them. Their clients do; this replica does when it drains, and when it closes their
// connection for its age: grpc-js then waits for them until the grace is over, and cuts them off without a word.
import { ParamdError } from '../model/errors.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import { type BaseCall, sessionOf } from './transport.ts';

const LOOK_INTERVAL_MS = 1000;

/** Ends one stream with this reason. */
export type EndStream = (reason: ParamdError) => void;

export interface OpenStreams {
  add(base: BaseCall, end: EndStream): void;
  remove(base: BaseCall): void;
  /** With DRAINING; also those that are added later. */
  drain(): void;
}

export function openStreams(clock: Clock): OpenStreams {
  const streams = new Map<BaseCall, EndStream>();
  let draining = false;
  let timer: Timer | undefined;

  const look = (): void => {
    for (const [base, end] of streams) if (draining || sessionOf(base)?.closed) end(drainingError());
    timer = streams.size > 0 ? clock.setTimer(LOOK_INTERVAL_MS, look) : undefined;
  };

  return {
    add(base, end) {
      streams.set(base, end);
      timer ??= clock.setTimer(LOOK_INTERVAL_MS, look);
    },
    remove(base) {
      streams.delete(base);
      if (streams.size > 0) return;
      timer?.cancel();
      timer = undefined;
    },
    drain() {
      draining = true;
      for (const end of [...streams.values()]) end(drainingError());
    },
  };
}

function drainingError(): ParamdError {
  return new ParamdError({ reason: 'DRAINING' });
}
