import { type Watched, WrongAnswer } from './dialect.ts';
import { dialectOf } from './dialects.ts';
import { GrpcConnection } from './grpc-connection.ts';
import type { DialectName, Keys } from './load-order.ts';

interface Order {
  readonly dialect: DialectName;
  readonly target: string;
  readonly watchers: number;
  readonly connections: number;
  readonly keys: Pick<Keys, 'prefix'>;
}

interface Sink {
  event(revision: number): void;
  failed(error: Error): void;
}

/** Each a stream of its own, spread over the connections. @returns when the server has begun every one of them */
export async function openWatches({ dialect, target, watchers, connections, keys }: Order, sink: Sink) {
  const { watch, watched } = dialectOf(dialect);
  const opened = Array.from({ length: connections }, () => new GrpcConnection(target));
  const decode = remembering(watched);
  const begun = Array.from({ length: watchers }, (_, index) => {
    const first = Promise.withResolvers<void>();
    let last = 0;
    const take = (message: Buffer) => {
      first.resolve();
      for (const revision of decode(message).revisions) {
        if (revision <= last) throw new WrongAnswer('an event came twice, or after a later one');
        last = revision;
        sink.event(revision);
      }
    };
    const fail = (error: Error) => {
      first.reject(error);
      sink.failed(error);
    };
    opened[index % connections]!.stream(watch(keys.prefix), guarded(take, fail), fail);
    return first.promise;
  });
  await Promise.all(begun);
  return {
    close: () => {
      for (const connection of opened) connection.close();
    },
  };
}

function guarded(take: (message: Buffer) => void, fail: (error: Error) => void): (message: Buffer) => void {
  return (message) => {
    try {
      take(message);
    } catch (error) {
      fail(error as Error);
    }
  };
}

/** Watchers of one prefix get the same bytes: they are compared, which is quicker than to decode them again. */
function remembering(decode: (message: Buffer) => Watched): (message: Buffer) => Watched {
  let bytes: Buffer = Buffer.alloc(0);
  let watched: Watched = { revisions: [], delivered: 0 };
  return (message) => {
    if (message.length !== bytes.length || !message.equals(bytes)) {
      watched = decode(message);
      bytes = message;
    }
    return watched;
  };
}
