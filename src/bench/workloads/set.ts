import { checkStored, storedText } from '../stored-text.ts';
import type { OpenWorkload } from '../workload.ts';
import { revisionsOfOwn } from './revisions-of-own.ts';

/** SetParameter of one key after the other. */
export const set: OpenWorkload = ({ client, keys, valueBytes }) => {
  const revisions = revisionsOfOwn();
  return {
    name: 'set',
    call: async (index) => {
      const key = keys[index % keys.length]!;
      const revision = revisions.begin();
      const parameter = await client.set(key, storedText(valueBytes, index));
      checkStored(parameter, key, valueBytes);
      revision.check(parameter.revision);
    },
  };
};
