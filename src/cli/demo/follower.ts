import { type Event, Event_Type } from '../../../gen/parameter/v1/parameter.ts';
import type { Member } from './fleet.ts';

/** A watch that runs through several scenes. */
export interface Follower {
  /** Told of every event as it comes. */
  onEvent: (event: Event) => void;
  /** Resolves when everything up to this revision has come. */
  reached(revision: bigint): Promise<void>;
  close(): Promise<void>;
}

export async function follow({ client }: Member, prefix: string): Promise<Follower> {
  const ending = new AbortController();
  let at = -1n;
  let failure: { readonly error: unknown } | undefined;
  let waiting: { revision: bigint; resolve: () => void; reject: (error: unknown) => void }[] = [];
  const follower: Follower = {
    onEvent: () => {},
    async reached(revision) {
      if (failure !== undefined) throw failure.error;
      if (at < revision) await new Promise<void>((resolve, reject) => waiting.push({ revision, resolve, reject }));
    },
    async close() {
      ending.abort();
      await running;
    },
  };
  const run = async () => {
    for await (const item of client.watch({ prefixes: [prefix] }, { signal: ending.signal, progressIntervalMs: 100 })) {
      if (item.kind === 'changes') for (const event of item.events) follower.onEvent(event);
      at = item.revision;
      for (const one of waiting) if (one.revision <= at) one.resolve();
      waiting = waiting.filter((one) => one.revision > at);
    }
  };
  const running = run().catch((error) => {
    failure = { error };
    for (const one of waiting) one.reject(error);
  });
  await follower.reached(0n);
  return follower;
}

/** "put" or "delete" */
export function verbOf({ type }: Event): string {
  return type === Event_Type.TYPE_DELETE ? 'delete' : 'put';
}
