import { askAgain } from './ask-again.ts';
import type { Dialect, Rpc } from './dialect.ts';
import { dialectOf } from './dialects.ts';
import { CallFailed, GrpcConnection } from './grpc-connection.ts';
import { keyAt, pickerOf, textAt } from './keys.ts';
import type { Load } from './load.ts';
import type { CallsOrder } from './load-order.ts';

/** Of mixed calls one in so many is a write. */
const CALLS_PER_WRITE = 20;

export function openCalls(order: CallsOrder): Load {
  const connections = Array.from(
    { length: order.connections },
    (_, i) => new GrpcConnection(order.targets[i % order.targets.length]!),
  );
  const rpcOf = rpcsOf(order, dialectOf(order.dialect));
  let heard: Promise<string> | undefined;
  return {
    call: async (index) => {
      const { path, request, check } = rpcOf(index);
      try {
        return check(await connections[index % connections.length]!.call(path, request));
      } catch (error) {
        if (!(error instanceof CallFailed)) throw error;
        heard ??= askAgain(order.targets[0]!, path, request);
        throw new CallFailed(`${error.message}; asked again: ${await heard}`);
      }
    },
    close: () => {
      for (const connection of connections) connection.close();
    },
  };
}

function rpcsOf({ operation, keys, batch }: CallsOrder, dialect: Dialect): (index: number) => Rpc {
  const pick = pickerOf(keys);
  const oneKey = (index: number) => keyAt(keys, pick(index));
  const manyKeys = (index: number) =>
    Array.from({ length: batch }, (_, i) => keyAt(keys, (pick(index) * batch + i) % keys.count));
  const reads = remembered(keys.count, (index) => dialect.read(keyAt(keys, index)));
  const batches = remembered(Math.ceil(keys.count / batch), (index) => dialect.readMany(manyKeys(index)));
  const write = (index: number) => dialect.write(oneKey(index), textAt(index));
  switch (operation) {
    case 'read':
      return (index) => reads(pick(index));
    case 'readMany':
      return batches;
    case 'list':
      return remembered(1, () => dialect.list(keys.prefix, batch));
    case 'write':
      return write;
    case 'writeMany':
      return (index) => dialect.writeMany(manyKeys(index), textAt(index));
    case 'mixed':
      return (index) => (index % CALLS_PER_WRITE === 0 ? write(index) : reads(pick(index)));
  }
}

/** Made once each: encoding them is none of what is measured. */
function remembered(count: number, make: (index: number) => Rpc): (index: number) => Rpc {
  const made = new Map<number, Rpc>();
  return (index) => {
    const at = index % count;
    let rpc = made.get(at);
    if (rpc === undefined) {
      rpc = make(at);
      made.set(at, rpc);
    }
    return rpc;
  };
}
