import { checkStored } from '../stored-text.ts';
import type { OpenWorkload } from '../workload.ts';

/** GetParameter of one key after the other. */
export const get: OpenWorkload = ({ client, keys, valueBytes }) => ({
  name: 'get',
  call: async (index) => {
    const key = keys[index % keys.length]!;
    checkStored((await client.get(key)).parameter, key, valueBytes);
  },
});
