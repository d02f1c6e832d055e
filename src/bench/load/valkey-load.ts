import { Valkey } from 'iovalkey';
import { WrongAnswer } from './dialect.ts';
import { keyAt, pickerOf } from './keys.ts';
import { type Load, ONE } from './load.ts';
import type { ValkeyOrder } from './load-order.ts';

/** GET by iovalkey, with nothing around it. */
export async function openValkeyLoad({ url, keys, bytes }: ValkeyOrder): Promise<Load> {
  const { hostname, port, password } = new URL(url);
  // Commands of one tick go out together: by far its fastest way when many are in flight.
  const client = new Valkey({ host: hostname, port: Number(port), password, enableAutoPipelining: true });
  client.on('error', () => {});
  const names = Array.from({ length: keys.count }, (_, index) => `bare:${keyAt(keys, index)}`);
  const value = Buffer.alloc(bytes, 'v');
  await Promise.all(names.map((name) => client.set(name, value)));
  const pick = pickerOf(keys);
  return {
    call: async (index) => {
      if ((await client.getBuffer(names[pick(index)]!)) === null) throw new WrongAnswer('a key is missing');
      return ONE;
    },
    close: () => client.disconnect(),
  };
}
