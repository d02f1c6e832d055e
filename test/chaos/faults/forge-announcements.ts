import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Valkey } from 'iovalkey';
import { createAuthenticator, MAC_BYTES } from '../../../src/adapters/valkey/authenticator.ts';

/** An announcement is: codec version, who sent it, its number there, number of the epoch, length and text of its id, … */
const EPOCH_AT = 1 + 8 + 8;
const EPOCH_ID_AT = EPOCH_AT + 8 + 2;
const HEARD_MAX = 500;
const PAUSE_MS = 10;
const otherSecret = createAuthenticator(randomBytes(32), 'bus');

type Forge = (genuine: Buffer, channel: string) => Buffer;

/** By what was done, for people. None of them is authentic. */
const WAYS: Readonly<Record<string, Forge>> = {
  'random bytes': (genuine) => randomBytes(genuine.length),
  'nothing at all': () => Buffer.alloc(0),
  truncated: (genuine) => genuine.subarray(0, randomUpTo(genuine.length)),
  'a bit turned': (genuine) => altered(genuine, randomUpTo(genuine.length), 1 << randomUpTo(8)),
  'a higher epoch': (genuine) => altered(genuine, EPOCH_AT, 0x7f),
  "another epoch's id": (genuine) => altered(genuine, EPOCH_ID_AT, 1),
  "another installation's secret": (genuine, channel) =>
    otherSecret.seal(channel, genuine.subarray(0, genuine.length - MAC_BYTES)),
};

export interface Forged {
  /** Forged messages, by how. */
  readonly counts: Readonly<Record<string, number>>;
  /** Genuine ones of earlier, published again. */
  readonly replayed: number;
  /** How often a forged one was handed to a replica. */
  readonly delivered: number;
}

/** Publishes forged and replayed announcements on the channels that it hears of. */
export async function forgeAnnouncements(valkey: Valkey, forMs: number): Promise<Forged> {
  const listener = valkey.duplicate();
  listener.on('error', () => {});
  const heard: { channel: string; message: Buffer }[] = [];
  const published = new Set<string>();
  listener.on('pmessageBuffer', (_pattern: Buffer, channel: Buffer, message: Buffer) => {
    // Only until there are enough: from then on they get older, and what comes may be forged here.
    if (heard.length < HEARD_MAX && !published.has(message.toString('latin1'))) {
      heard.push({ channel: channel.toString(), message });
    }
  });
  const counts: Record<string, number> = Object.fromEntries(Object.keys(WAYS).map((way) => [way, 0]));
  let replayed = 0;
  let delivered = 0;
  try {
    await listener.psubscribe('paramd:{*}:*:changes');
    const endMs = performance.now() + forMs;
    while (performance.now() < endMs) {
      await sleep(PAUSE_MS);
      const genuine = heard[randomUpTo(heard.length)];
      if (genuine === undefined) continue;
      for (const [way, forge] of Object.entries(WAYS)) {
        const forged = forge(genuine.message, genuine.channel);
        published.add(forged.toString('latin1'));
        // The listener here is one of those that got it.
        delivered += (await valkey.publish(genuine.channel, forged)) - 1;
        counts[way]! += 1;
      }
      await valkey.publish(genuine.channel, genuine.message);
      replayed += 1;
    }
  } finally {
    listener.disconnect();
  }
  return { counts, replayed, delivered };
}

function altered(genuine: Buffer, at: number, bits: number): Buffer {
  const copy = Buffer.from(genuine);
  copy[at] = copy[at]! ^ bits;
  return copy;
}

function randomUpTo(end: number): number {
  return Math.floor(Math.random() * end);
}
