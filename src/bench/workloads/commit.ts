import { checkStored, storedText } from '../stored-text.ts';
import { keysOfCall, type OpenWorkload, WrongAnswer } from '../workload.ts';
import { revisionsOfOwn } from './revisions-of-own.ts';

/** Of one Commit. */
const OPERATIONS_MAX = 300;

/** Commit of several sets. */
export const commit: OpenWorkload = (namespace) => {
  const { client, keys, valueBytes } = namespace;
  const batch = Math.min(namespace.batch, keys.length, OPERATIONS_MAX);
  const revisions = revisionsOfOwn();
  return {
    name: `commit of ${batch}`,
    call: async (index) => {
      const written = keysOfCall({ ...namespace, batch }, index);
      const revision = revisions.begin();
      const value = storedText(valueBytes, index);
      const answer = await client.commit(written.map((key) => ({ set: key, value })));
      if (answer.parameters.length !== written.length) throw new WrongAnswer('a commit has more or fewer parameters');
      for (const [i, parameter] of answer.parameters.entries()) checkStored(parameter, written[i]!, valueBytes);
      revision.check(answer.revision);
    },
  };
};
