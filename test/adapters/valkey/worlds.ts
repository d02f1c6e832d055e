import { systemClock } from '../../../src/adapters/system/clock.ts';
import {
  connectValkey,
  type ValkeyConnection,
  type ValkeyOptions,
} from '../../../src/adapters/valkey/connect-valkey.ts';
import type { ParameterCodec } from '../../../src/ports/codec.ts';
import { COUNTERS, type Counter, type Telemetry } from '../../../src/ports/telemetry.ts';

/** A codec good enough for tests: JSON. */
export const testCodec: ParameterCodec = {
  encode: (parameter) =>
    Buffer.from(
      JSON.stringify(parameter, (_name, value) => {
        if (typeof value === 'bigint') return { bigint: String(value) };
        if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') };
        return value instanceof Map ? { map: [...value] } : value;
      }),
    ),
  decode: (encoded) =>
    JSON.parse(Buffer.from(encoded).toString(), (_name, value) => {
      if (typeof value?.bigint === 'string') return BigInt(value.bigint);
      if (typeof value?.bytes === 'string') return new Uint8Array(Buffer.from(value.bytes, 'base64'));
      return Array.isArray(value?.map) ? new Map(value.map) : value;
    }),
};

export interface CountingTelemetry extends Telemetry {
  readonly logged: string[];
}

export function countingTelemetry(): CountingTelemetry {
  const totals = new Map<string, number>();
  const logged: string[] = [];
  return {
    logged,
    add(counter, by = 1) {
      if (!(counter in COUNTERS)) throw new Error(`no counter ${counter}`);
      totals.set(counter, (totals.get(counter) ?? 0) + by);
    },
    total: (counter: Counter) => totals.get(counter) ?? 0,
    observe: () => {},
    log: (level, message, fields) => logged.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
  };
}

/** What an installation called so has for a secret. */
export function secretOf(installationId: string): Buffer {
  return Buffer.alloc(32, installationId);
}

/** @param url of the Valkey; the rest is like in production, but for a timeout that a busy machine keeps. */
export function connect(url: string, options: Partial<ValkeyOptions> & { name?: string } = {}): ValkeyConnection {
  const name = options.name ?? 'installation';
  return connectValkey({
    url,
    installation: { id: name, secret: secretOf(name) },
    codec: testCodec,
    clock: systemClock,
    random: Math.random,
    telemetry: countingTelemetry(),
    commandTimeoutMs: 1000,
    ...options,
  });
}

/** Asks again until it holds; the test's own timeout ends it. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Until the shared cache of this connection can be used. */
export function reachable(connection: ValkeyConnection): Promise<void> {
  return eventually(async () => (await connection.description()) !== undefined);
}
