// Sends the messages of one stream, one at a time. A timer and a listener for each message would cost more than sending
// does, so each stream has one listener, and at most one timer in stallMs, which looks how long the message has waited.
import type { ServerWritableStream } from '@grpc/grpc-js';
import { ParamdError } from '../model/errors.ts';
import type { Clock, Timer } from '../ports/clock.ts';

/** Resolves when the message has left the process; rejects when the stream is over. One call at a time. */
export type Send = (message: Buffer) => Promise<void>;

export interface StreamSender {
  readonly send: Send;
  close(): void;
}

/** After the process itself stood still, timers run before the news that messages have left. */
const SECOND_LOOK_MS = 50;

interface Sending {
  readonly sinceMs: number;
  overdue: boolean;
  readonly reject: (reason: unknown) => void;
}

/** @param stalled what to do when a message has not left within `stallMs`: ends the stream */
export function streamSender(
  stream: ServerWritableStream<unknown, Buffer>,
  signal: AbortSignal,
  clock: Clock,
  stallMs: number,
  stalled: () => void,
): StreamSender {
  let sending: Sending | undefined;
  let timer: Timer | undefined;

  const leave = (): void => sending?.reject(signal.reason);
  signal.addEventListener('abort', leave);

  const look = (): void => {
    timer = undefined;
    if (sending === undefined) return;
    const restMs = sending.sinceMs + stallMs - clock.monotonicMs();
    if (restMs > 0) timer = clock.setTimer(restMs, look);
    else if (!sending.overdue) {
      sending.overdue = true;
      timer = clock.setTimer(SECOND_LOOK_MS, look);
    } else {
      stalled();
      sending.reject(new ParamdError({ reason: 'CANCELLED' }));
    }
  };

  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        sending = { sinceMs: clock.monotonicMs(), overdue: false, reject };
        timer ??= clock.setTimer(stallMs, look);
        stream.write(message, (error?: Error | null) => {
          sending = undefined;
          if (error) reject(new ParamdError({ reason: 'CANCELLED' }));
          else resolve();
        });
      }),
    close: () => {
      timer?.cancel();
      signal.removeEventListener('abort', leave);
    },
  };
}
