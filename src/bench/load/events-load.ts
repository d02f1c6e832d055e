// A write, until its event has come to every watcher. All writes under the prefix are this process's, so that every event
// must be of one of them, come once and in order; one that is lost leaves its write without an end.
import { WrongAnswer } from './dialect.ts';
import { dialectOf } from './dialects.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { keyAt, pickerOf, textAt } from './keys.ts';
import type { Load } from './load.ts';
import type { EventsOrder } from './load-order.ts';
import { openWatches } from './open-watches.ts';

const EVENT_MS_MAX = 10_000;

export async function openEvents(order: EventsOrder): Promise<Load> {
  const dialect = dialectOf(order.dialect);
  const writer = new GrpcConnection(order.writeTo);
  const arrivals = openArrivals(order.watchers);
  const watches = await openWatches({ ...order, target: order.watchAt, connections: order.watchConnections }, arrivals);
  const pick = pickerOf(order.keys);
  const write = async (index: number) => {
    const { path, request, check } = dialect.write(keyAt(order.keys, pick(index)), textAt(index));
    return check(await writer.call(path, request)).revision!;
  };
  return {
    call: async (index) => {
      await arrivals.of(await write(index));
      return { operations: order.watchers };
    },
    close: () => {
      watches.close();
      writer.close();
    },
  };
}

/** Meets answers of writes with their events, whichever comes first. */
function openArrivals(watchers: number) {
  const pending = new Map<number, { left: number; readonly all: PromiseWithResolvers<void> }>();
  let failure: Error | undefined;
  const at = (revision: number) => {
    let one = pending.get(revision);
    if (one === undefined) {
      one = { left: watchers, all: Promise.withResolvers<void>() };
      one.all.promise.catch(() => {});
      pending.set(revision, one);
    }
    return one;
  };
  return {
    event(revision: number): void {
      const one = at(revision);
      one.left--;
      if (one.left === 0) one.all.resolve();
    },
    failed(error: Error): void {
      failure = error;
      for (const { all } of pending.values()) all.reject(error);
    },
    /** @throws WrongAnswer if it does not come everywhere */
    async of(revision: number): Promise<void> {
      if (failure !== undefined) throw failure;
      const { all } = at(revision);
      const silence = setTimeout(() => all.reject(new WrongAnswer('an event did not come')), EVENT_MS_MAX);
      try {
        await all.promise;
      } finally {
        clearTimeout(silence);
        pending.delete(revision);
      }
    },
  };
}
