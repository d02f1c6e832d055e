import { type BenchServer, startBenchServer } from '../bench-server.ts';
import type { ThrowawayServers } from '../throwaway-servers.ts';
import { type GrpcCaller, openGrpc } from './grpc-caller.ts';
import { getBytes, recordedResponses, setBytes, storedText } from './grpc-peer.ts';

/** A PostgreSQL and a Valkey with parameters in them. */
export interface BenchWorld {
  readonly servers: ThrowawayServers;
  readonly keys: readonly string[];
  /** An answer of GetParameter and one of SetParameter, by path, in base64. */
  readonly responses: Readonly<Record<string, string>>;
}

export interface OpenServer extends BenchServer {
  readonly grpc: GrpcCaller;
}

/** Starts servers, which all end when the action has. */
export interface Opener {
  /** @param env beyond where PostgreSQL and Valkey are */
  replica(env: Readonly<Record<string, string>>, profileFolder?: string): Promise<OpenServer>;
  echo(responses: Readonly<Record<string, string>>): Promise<OpenServer>;
  /** What else must be closed. */
  readonly closing: (() => Promise<void> | void)[];
}

const CALLS_AT_ONCE = 64;

export async function fillWorld(servers: ThrowawayServers, keyCount: number): Promise<BenchWorld> {
  const keys = Array.from({ length: keyCount }, (_, index) => `bench:${String(index).padStart(10, '0')}`);
  return withServers(servers, async (open) => {
    const { grpc } = await open.replica({});
    await forEach(keys, (key, index) => setBytes(key, storedText(index), grpc));
    return { servers, keys, responses: await recordedResponses(keys[0]!, grpc) };
  });
}

/** Reads all of them once, which fills the caches as far as they hold. */
export function warm(keys: readonly string[], { grpc }: OpenServer): Promise<void> {
  return forEach(keys, (key) => getBytes(key, grpc));
}

export async function withServers<T>(servers: ThrowawayServers, action: (open: Opener) => Promise<T>): Promise<T> {
  const closing: (() => Promise<void> | void)[] = [];
  const opened = async (starting: Promise<BenchServer>): Promise<OpenServer> => {
    const server = await starting;
    closing.push(() => server.stop());
    const grpc = openGrpc(server.target);
    closing.push(() => grpc.close());
    return { ...server, grpc };
  };
  const places = {
    DATABASE_URL: servers.postgres.url,
    VALKEY_URL: servers.valkey?.url ?? '',
    PARAMD_LISTEN: '127.0.0.1:0',
    PARAMD_HTTP_LISTEN: '127.0.0.1:0',
  };
  try {
    return await action({
      replica: (env, profileFolder) =>
        opened(startBenchServer({ kind: 'replica', env: { ...places, ...env } }, profileFolder)),
      echo: (responses) => opened(startBenchServer({ kind: 'echo', responses })),
      closing,
    });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function forEach(keys: readonly string[], act: (key: string, index: number) => Promise<unknown>): Promise<void> {
  const left = keys.entries();
  const work = async () => {
    for (const [index, key] of left) await act(key, index);
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, work));
}
