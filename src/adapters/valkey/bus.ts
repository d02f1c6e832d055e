import { randomBytes } from 'node:crypto';
import type { Announcement, Bus, BusListener } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ParameterCodec } from '../../ports/codec.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { BUS_CODEC_VERSION, decodeAnnouncement, encodeAnnouncement } from './announcement-codec.ts';
import type { Authenticator } from './authenticator.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import type { Client } from './client.ts';
import { createEchoWatch } from './echo-watch.ts';
import { createPublisher } from './publisher.ts';
import { createSubscriber } from './subscriber.ts';

const SENDER_BYTES = 8;
/** With the poll that raised the suspicion (120 ms) and its log read it stays below 300 ms (C6), with room for a busy machine. */
const SUSPECT_ANSWER_MS = 100;

export interface ValkeyBusOptions {
  readonly publishClient: Client;
  readonly subscribeClient: Client;
  readonly installationId: string;
  readonly authenticator: Authenticator;
  readonly codec: ParameterCodec;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/**
 * Classic pub/sub on `paramd:{<installationId>}:v1:changes`. A message is: codec version, who sent it, its number there,
 * the announcement, MAC. Own messages come back too; they are not announced but prove that the bus works.
 */
export function createValkeyBus(options: ValkeyBusOptions): Bus {
  const { authenticator, codec, clock, telemetry } = options;
  const channel = `paramd:{${options.installationId}}:v${BUS_CODEC_VERSION}:changes`;
  const self = randomBytes(SENDER_BYTES);
  let sequence = 0n;
  let listener: BusListener | undefined;

  const publisher = createPublisher(options.publishClient, channel, telemetry);
  const subscriber = createSubscriber({
    client: options.subscribeClient,
    channel,
    clock,
    telemetry,
    heard,
    up: () => tell((to) => to.connected()),
    down() {
      echoes.forget();
      tell((to) => to.disconnected());
    },
  });
  const echoes = createEchoWatch({
    clock,
    check: subscriber.check,
    lost() {
      subscriber.giveUp('own announcements do not come back');
      publisher.reset();
    },
  });

  function heard(message: Buffer): void {
    const body = authenticator.open(channel, message);
    const envelope = body && openEnvelope(body);
    if (envelope?.sender.equals(self)) {
      echoes.heard(envelope.sequence);
      return;
    }
    const announcement = envelope && decodeAnnouncement(envelope.content, codec);
    telemetry.add(announcement === undefined ? 'bus_dropped' : 'bus_received');
    if (announcement !== undefined) tell((to) => to.announced(announcement));
  }

  function parts(announcement: Announcement): readonly Buffer[] {
    try {
      return encodeAnnouncement(announcement, codec);
    } catch (error) {
      telemetry.add('bus_unsent');
      telemetry.log('error', 'bus cannot encode', { error: error instanceof Error ? error.name : 'unknown' });
      return [];
    }
  }

  /** A listener that throws must not break the reader of the socket. */
  function tell(what: (to: BusListener) => void): void {
    if (listener === undefined) return;
    try {
      what(listener);
    } catch (error) {
      telemetry.log('error', 'bus listener failed', { error: error instanceof Error ? error.name : 'unknown' });
    }
  }

  function publishNow(announcement: Announcement): void {
    for (const part of parts(announcement)) {
      const envelope = new ByteWriter().u8(BUS_CODEC_VERSION).raw(self).u64(++sequence).raw(part).finish();
      const published = publisher.publish(authenticator.seal(channel, envelope));
      if (subscriber.connected()) echoes.expect(sequence, published);
    }
  }

  return {
    // When this turn of the event loop has ended, so that the writers' answers go first.
    publish: (announcement) => void setImmediate(publishNow, announcement),
    listen(to) {
      listener = to;
      if (subscriber.connected()) queueMicrotask(() => subscriber.connected() && tell((it) => it.connected()));
    },
    // Both ways: one that hears but cannot tell leaves the others to their polls.
    state: () => (subscriber.connected() && options.publishClient.ready ? 'connected' : 'disconnected'),
    suspect: () => subscriber.check(SUSPECT_ANSWER_MS),
    async close() {
      listener = undefined;
      echoes.forget();
      await Promise.all([subscriber.close(), publisher.close()]);
    },
  };
}

interface Envelope {
  readonly sender: Buffer;
  readonly sequence: bigint;
  readonly content: Buffer;
}

function openEnvelope(body: Buffer): Envelope | undefined {
  const headBytes = 1 + SENDER_BYTES + 8;
  if (body.length < headBytes || body[0] !== BUS_CODEC_VERSION) return undefined;
  const reader = new ByteReader(body);
  reader.u8();
  return { sender: reader.raw(SENDER_BYTES), sequence: reader.u64(), content: body.subarray(headBytes) };
}
