import type { Clock, Timer } from '../../ports/clock.ts';

/*
 * What this replica publishes comes back to its own subscriber. If it does not soon, the subscriber's socket is asked, so
 * that while writes flow a dead one is found within ECHO_DOUBT_MS + DOUBT_ANSWER_MS, with room below C6's 300 for the
 * pause between two writes and for a busy machine. If the socket answers and the echo still does not come though Valkey
 * took the message, then publisher and subscriber are on different servers, as after half a failover.
 */
const ECHO_DOUBT_MS = 100;
const DOUBT_ANSWER_MS = 100;
const ECHO_LOST_MS = 1000;

export interface EchoWatch {
  /** @param published resolves to true when Valkey has taken the message */
  expect(sequence: bigint, published: Promise<boolean>): void;
  heard(sequence: bigint): void;
  forget(): void;
}

export interface EchoWatchOptions {
  readonly clock: Clock;
  readonly check: (answerMs: number) => void;
  readonly lost: () => void;
}

export function createEchoWatch(options: EchoWatchOptions): EchoWatch {
  const { clock } = options;
  let awaited: { readonly sequence: bigint; readonly timers: readonly Timer[]; taken: boolean } | undefined;

  function forget(): void {
    for (const timer of awaited?.timers ?? []) timer.cancel();
    awaited = undefined;
  }

  return {
    expect(sequence, published) {
      if (awaited !== undefined) return;
      const doubt = clock.setTimer(ECHO_DOUBT_MS, () => options.check(DOUBT_ANSWER_MS));
      const lost = clock.setTimer(ECHO_LOST_MS, () => {
        const taken = awaited?.taken;
        forget();
        if (taken) options.lost();
      });
      const mine = { sequence, timers: [doubt, lost], taken: false };
      awaited = mine;
      void published.then((taken) => {
        mine.taken = taken;
        if (!taken && awaited === mine) forget();
      });
    },
    heard(sequence) {
      if (awaited !== undefined && sequence >= awaited.sequence) forget();
    },
    forget,
  };
}
