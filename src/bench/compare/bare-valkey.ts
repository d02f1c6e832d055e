import { Valkey } from 'iovalkey';
import type { Peer } from './load.ts';

/** GET by iovalkey, with nothing around it. */
export interface BareValkey {
  readonly get: Peer;
  close(): void;
}

/** @param entry what each of the keys holds */
export async function openBareValkey(url: string, keys: readonly string[], entry: Buffer): Promise<BareValkey> {
  const { hostname, port, password } = new URL(url);
  // Commands of one tick go out together: by far its fastest way when many are in flight.
  const client = new Valkey({ host: hostname, port: Number(port), password, enableAutoPipelining: true });
  client.on('error', () => {});
  const names = keys.map((key) => `bench:${key}`);
  await Promise.all(names.map((name) => client.set(name, entry)));
  return {
    get: {
      name: 'iovalkey GET',
      call: async (index) => {
        if ((await client.getBuffer(names[index % names.length]!)) === null) throw new Error('a key is missing');
        return undefined;
      },
    },
    close: () => client.disconnect(),
  };
}
