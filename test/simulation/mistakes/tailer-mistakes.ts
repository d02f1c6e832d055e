import type { Mistake } from './mistake.ts';

const FEED = 'core/watch/log-feed.ts';
const LOG = 'core/watch/applied-log.ts';

export const tailerMistakes: readonly Mistake[] = [
  {
    name: 'hole skipped',
    slip: 'An announcement beyond a hole is applied at once, and the log is to fill the hole later; that it does not chain is no objection then.',
    breaks: ['C5', 'C10'],
    edits: [
      {
        file: FEED,
        find: `      this.#held.hold(announcement);
      this.expectHole();
      return;
`,
        replace: '      this.expectHole();\n',
      },
      {
        file: FEED,
        find: 'announcement.previousBatchId : overlap?.batchId;',
        replace: 'announcement.previousBatchId : (overlap?.batchId ?? batchId);',
      },
    ],
  },
  {
    name: 'batch id at applied not checked',
    slip: 'An announcement is applied if its revision follows what is applied: the batch id at applied is not compared.',
    breaks: ['C5', 'C9', 'C10', 'C13'],
    edits: [{ file: FEED, find: 'if (before !== batchId) {', replace: 'if (before === undefined) {' }],
  },
  {
    name: 'epoch not checked',
    slip: 'An answer of the store counts if its head has the revision: the epoch and incarnation that come with it are not compared.',
    breaks: ['C5', 'C9'],
    edits: [
      {
        file: LOG,
        find: 'return isEpoch && head.revision >= asked.applied;',
        replace: 'return isEpoch || head.revision >= asked.applied;',
      },
    ],
  },
  {
    name: 'answer of another epoch used',
    slip: 'What a read found is handed on although it belongs to another history: the epoch is being found out, but the answer is there.',
    breaks: ['C5'],
    edits: [
      {
        file: 'core/store-reads.ts',
        find: 'if (this.#tailer.admit(asked, answer.head)) return',
        replace: 'if (this.#tailer.admit(asked, answer.head) || attempt >= 0) return',
      },
    ],
  },
  {
    name: 'lost revisions kept applied',
    slip: 'After a failover the log goes on behind what was applied, although the failover has lost some of that.',
    breaks: ['C5', 'C9'],
    edits: [{ file: LOG, find: 'if (isFirst || isLost(this.#applied))', replace: 'if (isFirst)' }],
  },
  {
    name: 'poll shared too late',
    slip: 'A caller shares the head read that is under way, whenever that began.',
    breaks: ['C2'],
    edits: [
      {
        file: 'core/watch/poller.ts',
        find: 'if (current.startedAtMs >= sinceMs) return current.answer;',
        replace: 'if (sinceMs < Number.POSITIVE_INFINITY) return current.answer;',
      },
    ],
  },
];
