import { checkStored } from '../stored-text.ts';
import { keysOfCall, type OpenWorkload, WrongAnswer } from '../workload.ts';

/** BatchGetParameters. */
export const batch: OpenWorkload = (namespace) => ({
  name: `batch of ${Math.min(namespace.batch, namespace.keys.length)}`,
  call: async (index) => {
    const keys = keysOfCall(namespace, index);
    const { parameters } = await namespace.client.getMany(keys);
    if (parameters.length !== keys.length) throw new WrongAnswer('a batch has more or fewer parameters than keys');
    for (const [i, parameter] of parameters.entries()) checkStored(parameter, keys[i]!, namespace.valueBytes);
  },
});
