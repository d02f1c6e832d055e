import type { Telemetry } from '../../ports/telemetry.ts';
import type { Client } from './client.ts';
import { isReplyError } from './failure-reason.ts';

/** Sent and not answered yet. What comes on top is dropped: the others read it from the log. */
const UNANSWERED_BYTES_MAX = 1 << 20;

export interface Publisher {
  /** Resolves to true when Valkey has it. Never rejects. */
  publish(message: Buffer): Promise<boolean>;
  /** Connects anew. */
  reset(): void;
  close(): Promise<void>;
}

export function createPublisher(client: Client, channel: string, telemetry: Telemetry): Publisher {
  let unansweredBytes = 0;
  return {
    async publish(message) {
      if (!client.ready || unansweredBytes + message.length > UNANSWERED_BYTES_MAX) {
        telemetry.add('bus_unsent');
        return false;
      }
      unansweredBytes += message.length;
      try {
        await client.valkey.publish(channel, message);
        telemetry.add('bus_published');
        return true;
      } catch (error) {
        telemetry.add('bus_unsent');
        // Late: the socket may be dead and not know it, and holds what was written to it.
        if (!isReplyError(error)) client.reset();
        return false;
      } finally {
        unansweredBytes -= message.length;
      }
    },
    reset: () => client.reset(),
    close: () => client.close(),
  };
}
