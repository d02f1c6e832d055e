import type { Clock, Timer } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Client } from './client.ts';
import { failureReason } from './failure-reason.ts';

/*
 * A subscriber only listens, so a dead socket looks to it like a quiet one (C6), for minutes. So it asks: every
 * PING_EVERY_MS, and at once when there is a reason to doubt. Anything heard since the question is an answer. Loss on an
 * idle bus is noticed after both times at most: below 3 s, with room for a busy machine.
 */
const PING_EVERY_MS = 1800;
const PING_ANSWER_MS = 1000;

export interface Subscriber {
  connected(): boolean;
  /** Asks whether the connection lives; without an answer in this time it is given up. */
  check(answerMs: number): void;
  /** Takes the connection for dead. */
  giveUp(reason: string): void;
  close(): Promise<void>;
}

export interface SubscriberOptions {
  readonly client: Client;
  readonly channel: string;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly heard: (message: Buffer) => void;
  /** Subscribed, for the first time or again. */
  readonly up: () => void;
  readonly down: () => void;
}

export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { client, channel, clock, telemetry } = options;
  const { valkey } = client;
  let connected = false;
  /** Of the connection: what belongs to an older one is void. */
  let generation = 0;
  let heard = 0;
  let idleTimer: Timer | undefined;
  let checkDueAtMs = Number.POSITIVE_INFINITY;

  valkey.on('ready', () => {
    const mine = ++generation;
    valkey.subscribe(channel).then(
      () => {
        if (mine === generation) rise();
      },
      (error: unknown) => {
        telemetry.log('warn', 'bus cannot subscribe', { reason: failureReason(error) });
        if (mine === generation) client.reset();
      },
    );
  });
  valkey.on('close', fall);
  valkey.on('messageBuffer', (_channel: Buffer, message: Buffer) => {
    heard++;
    options.heard(message);
  });

  function rise(): void {
    connected = true;
    checkDueAtMs = Number.POSITIVE_INFINITY;
    idleTimer = clock.setTimer(PING_EVERY_MS, ping);
    options.up();
  }

  function fall(): void {
    generation++;
    idleTimer?.cancel();
    if (!connected) return;
    connected = false;
    options.down();
  }

  function ping(): void {
    idleTimer = clock.setTimer(PING_EVERY_MS, ping);
    check(PING_ANSWER_MS);
  }

  function check(answerMs: number): void {
    const dueAtMs = clock.monotonicMs() + answerMs;
    if (!connected || dueAtMs >= checkDueAtMs) return;
    checkDueAtMs = dueAtMs;
    const mine = generation;
    const heardBefore = heard;
    let answered = false;
    valkey.ping().then(
      () => {
        answered = true;
      },
      () => {},
    );
    // After a stall of this process timers run before sockets are read: the answer may lie there.
    clock.setTimer(answerMs, () =>
      setImmediate(() => {
        if (mine !== generation) return;
        checkDueAtMs = Number.POSITIVE_INFINITY;
        if (!answered && heard === heardBefore) giveUp('no answer to a ping');
      }),
    );
  }

  function giveUp(reason: string): void {
    if (!connected) return;
    telemetry.log('warn', 'bus connection is given up', { reason });
    fall();
    client.reset();
  }

  return {
    connected: () => connected,
    check,
    giveUp,
    async close() {
      generation++;
      connected = false;
      idleTimer?.cancel();
      await client.close();
    },
  };
}
