import { WrongAnswer } from '../workload.ts';

/** C9, as far as one writer can see it: what began after an answer has a later revision, and no two have the same. */
export function revisionsOfOwn() {
  let answered = 0n;
  return {
    begin() {
      const before = answered;
      return {
        /** @throws WrongAnswer */
        check(revision: bigint) {
          if (revision <= before) throw new WrongAnswer('a later write has an earlier revision');
          if (revision > answered) answered = revision;
        },
      };
    },
  };
}
