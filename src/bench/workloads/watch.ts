// A set, until its event has come to a watch. Every event must be of a set of ours, come once, and in order: what is
// measured fast and lost is worth nothing. A loss shows as soon as anything later comes, and in silence after a while.
import { Event_Type, type WatchItem } from '../../client/index.ts';
import { storedText } from '../stored-text.ts';
import { type OpenWorkload, WrongAnswer } from '../workload.ts';

const EVENT_MS_MAX = 5_000;

export const watch: OpenWorkload = async ({ client, prefix, keys, valueBytes }, interrupted) => {
  const leaving = new AbortController();
  const signal = AbortSignal.any([interrupted, leaving.signal]);
  const events = expectedEvents();
  const began = Promise.withResolvers<void>();
  const follow = async () => {
    for await (const item of client.watch({ prefixes: [prefix] }, { signal })) {
      began.resolve();
      events.take(item);
    }
  };
  const following = follow().catch((error: unknown) => {
    began.reject(error);
    events.fail(error);
  });
  await began.promise;
  return {
    name: 'watch',
    call: async (index) => {
      const { revision } = await client.set(keys[index % keys.length]!, storedText(valueBytes, index));
      await events.arrival(revision);
    },
    close: async () => {
      leaving.abort();
      await following;
      events.checkNoneLeft();
    },
  };
};

/** Meets answers of sets with events, whichever comes first. */
function expectedEvents() {
  /** Came before the answer. */
  const early = new Set<bigint>();
  const awaited = new Map<bigint, PromiseWithResolvers<void>>();
  let delivered = 0n;
  let failure: unknown;
  const lose = (revision: bigint) => {
    awaited.get(revision)?.reject(new WrongAnswer('an event did not come'));
    awaited.delete(revision);
  };
  return {
    /** @throws WrongAnswer */
    take(item: WatchItem): void {
      for (const { type, revision } of item.kind === 'changes' ? item.events : []) {
        if (revision <= delivered) throw new WrongAnswer('an event came twice, or after a later one');
        if (type !== Event_Type.TYPE_PUT) throw new WrongAnswer('an event tells of a delete that nobody made');
        delivered = revision;
        if (awaited.has(revision)) awaited.get(revision)?.resolve();
        else early.add(revision);
        awaited.delete(revision);
      }
      if (item.revision > delivered) delivered = item.revision;
      for (const revision of awaited.keys()) if (revision <= delivered) lose(revision);
    },
    fail(error: unknown): void {
      failure = error;
      for (const { reject } of awaited.values()) reject(error);
      awaited.clear();
    },
    /** @throws WrongAnswer if it does not come, or what ended the watch */
    async arrival(revision: bigint): Promise<void> {
      if (early.delete(revision)) return;
      if (failure !== undefined) throw failure;
      const event = Promise.withResolvers<void>();
      awaited.set(revision, event);
      if (revision <= delivered) lose(revision);
      const silence = setTimeout(lose, EVENT_MS_MAX, revision);
      try {
        await event.promise;
      } finally {
        clearTimeout(silence);
      }
    },
    checkNoneLeft(): void {
      if (early.size > 0) throw new WrongAnswer('an event came of a set that nobody made');
    },
  };
}
