import { MemoryStore } from '../../src/adapters/memory/store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { connect, type ParamdClient, ParamdRpcError } from '../../src/client/index.ts';
import { memoryClient } from '../../src/client/testing.ts';
import { startRealServer } from './real-server.ts';

/** A client over an empty store whose clock stands still. */
export interface ContractSubject {
  readonly client: ParamdClient;
  /** Moves the store's clock. */
  advance(ms: number): Promise<void>;
  /** Forgets all history. Takes two hours of the store's clock. */
  compact(): Promise<void>;
  /** The server, for ever. */
  goAway(): Promise<void>;
  close(): Promise<void>;
}

const START_MS = Date.parse('2026-01-01T00:00:00Z');
const ACTOR = 'contract';
/** Compaction leaves what request ids of the last hour may need. */
const COMPACTION_MS = 2 * 3_600_000;

export const SUBJECTS: Readonly<Record<string, () => Promise<ContractSubject>>> = {
  'in memory': startMemorySubject,
  'over a server': startServerSubject,
};

export async function startMemorySubject(): Promise<ContractSubject> {
  const client = memoryClient({}, { actor: ACTOR });
  return {
    client,
    advance: (ms) => client.advance(ms),
    compact: async () => {
      await client.advance(COMPACTION_MS);
      client.compact();
    },
    goAway: async () => {
      client.unavailable = true;
    },
    close: async () => client.close(),
  };
}

export async function startServerSubject(): Promise<ContractSubject> {
  let nowMs = START_MS;
  const store = new MemoryStore({ clock: { ...systemClock, wallMs: () => nowMs }, random: Math.random });
  const server = await startRealServer(undefined, store);
  const client = connect({ target: server.target, actor: ACTOR });
  const advance = async (ms: number) => {
    nowMs += ms;
  };
  return {
    client,
    advance,
    compact: async () => {
      await advance(COMPACTION_MS);
      await store.upkeep.compact(0);
    },
    goAway: () => server.close(),
    close: async () => {
      client.close();
      await server.close();
    },
  };
}

/** What a call came to, in a form to be compared: without what two correct servers may differ in. */
export async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(comparable, (error: unknown) => ({ failed: comparable(told(error)) }));
}

/** All that a failed call tells. */
export function told(error: unknown): object {
  if (!(error instanceof ParamdRpcError)) return { thrown: String(error) };
  const { code, reason, metadata, message, retryAfterMs, details } = error;
  const { badRequest, preconditionFailure, freshness } = details;
  return { code, reason, metadata, message, retryAfterMs, badRequest, preconditionFailure, freshness };
}

/** Which tier answered, and how long ago it was current, is a server's own affair; whether there is a bound is not. */
function comparable(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return `hex:${Buffer.from(value).toString('hex')}`;
  if (value instanceof Map) return comparable(Object.fromEntries([...value].sort()));
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : value;
  const entries = Object.entries(value).filter(([name, part]) => name !== '_unknownFields' && part !== undefined);
  return Object.fromEntries(
    entries.map(([name, part]) => {
      if (name === 'servedFrom') return [name, 'a tier'];
      if (name === 'stalenessBound') return [name, 'known'];
      if (name === 'nextPageToken') return [name, part !== ''];
      return [name, comparable(part)];
    }),
  );
}
