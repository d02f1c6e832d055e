import { checkStored } from '../stored-text.ts';
import { type OpenWorkload, WrongAnswer } from '../workload.ts';

/** ListParameters: the first page. */
export const list: OpenWorkload = ({ client, prefix, keys, valueBytes, batch }) => ({
  name: `list of ${Math.min(batch, keys.length)}`,
  call: async () => {
    for await (const { parameters } of client.list(prefix, { pageSize: batch })) {
      if (parameters.length !== Math.min(batch, keys.length)) throw new WrongAnswer('a page has more or fewer keys');
      for (const [i, parameter] of parameters.entries()) checkStored(parameter, keys[i]!, valueBytes);
      break;
    }
  },
});
