import type { Mistake } from './mistake.ts';

const COMMIT = 'core/write/group-commit.ts';
const WRITE = 'core/write/write-path.ts';

export const writeMistakes: readonly Mistake[] = [
  {
    name: 'floor missing',
    slip: 'A write drops its key from the near cache and is acknowledged: the next read loads it anew, from whichever tier.',
    breaks: ['C1'],
    edits: [{ file: WRITE, find: '    view.floors.raise(key, revision);\n', replace: '' }],
  },
  {
    name: 'publish before commit',
    slip: 'A batch is announced as it is sent, with the revisions that it will have: that saves a round trip.',
    breaks: ['C5', 'C9', 'C10'],
    edits: [
      {
        file: COMMIT,
        find: '        const answer = await store.commit(batch, expected());\n',
        replace: `        const { applied, batchIdAtApplied: previousBatchId, epochId } = expected();
        const to = applied + BigInt(batch.writes.length);
        const outcomes = batch.writes.map((_, at) => ({ done: true, changed: true, replayed: false, revision: applied + 1n + BigInt(at), updateTimeUs: 0n, sets: [], missing: [] }));
        this.#options.committed(batch, { outcomes, from: applied + 1n, to, previousBatchId, epochId });
        const answer = await store.commit(batch, { applied, batchIdAtApplied: previousBatchId, epochId });
`,
      },
    ],
  },
  {
    name: 'sent again under another id',
    slip: 'A batch whose answer was lost is sent again with a batch id of its own, as every batch has.',
    breaks: ['C8'],
    edits: [
      {
        file: COMMIT,
        find: 'await store.commit(batch, expected());',
        replace: 'await store.commit(maybeDone ? { ...batch, id: this.#options.newBatchId() } : batch, expected());',
      },
    ],
  },
  {
    name: 'request id not remembered',
    slip: 'The store remembers what became of a batch, which is what is sent again; of a request id it remembers nothing.',
    breaks: ['C8'],
    edits: [
      {
        file: 'adapters/memory/store.ts',
        find: 'if (first) return replay(first, contentHash);',
        replace: 'if (first !== undefined && first.contentHash !== contentHash) return replay(first, contentHash);',
      },
    ],
  },
  {
    name: 'request twice in a batch',
    slip: 'A batch takes in a write and its retry: the store is to tell them apart, but remembers neither before the batch is done. Two guards are left out, that of the request and that of its keys.',
    breaks: ['C8'],
    edits: [
      {
        file: 'core/write/batch-forming.ts',
        find: 'this.#requests.has(requestOf(write))) return false;',
        replace: "this.#requests.has('')) return false;",
      },
      {
        file: 'core/write/batch-forming.ts',
        find: 'write.operations.every(({ key }) => !this.#written.has(key) && !this.#conditions.has(key)) &&',
        replace: 'write.operations.every(({ key }) => !this.#conditions.has(key)) &&',
      },
    ],
  },
  {
    name: 'unknown told as not done',
    slip: 'A write that has no answer when its time is up is told as not done, although it was sent.',
    breaks: ['C8'],
    edits: [
      {
        file: COMMIT,
        find: '    if (waiting.sent) throw unknownOutcome(waiting.write);\n',
        replace: '',
      },
    ],
  },
];
