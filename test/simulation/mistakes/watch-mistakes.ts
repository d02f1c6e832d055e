import type { Mistake } from './mistake.ts';

const WATCHER = 'core/watch/watcher.ts';
const HUB = 'core/watch/hub.ts';
const SESSION = 'core/watch/watch-session.ts';

export const watchMistakes: readonly Mistake[] = [
  {
    name: 'progress past queued events',
    slip: 'Progress that is due goes out first: it is small, and the reader waits for a sign of life.',
    breaks: ['C10'],
    edits: [
      {
        file: WATCHER,
        find: 'const batch = this.#groups.length > 0 ? this.#takeGroups() : this.#takeProgress();',
        replace: 'const batch = this.#takeProgress() ?? (this.#groups.length > 0 ? this.#takeGroups() : undefined);',
      },
    ],
  },
  {
    name: 'ring off by one',
    slip: 'A watch may join if the ring holds what comes after its next revision, rather than its next revision itself.',
    breaks: ['C10'],
    edits: [
      {
        file: HUB,
        find: 'if (watcher.position < this.#ring.after) return false;',
        replace: 'if (watcher.position + 1n < this.#ring.after) return false;',
      },
    ],
  },
  {
    name: 'ring entry told twice',
    slip: 'The ring is read from the position of the watch on, rather than from behind it.',
    breaks: ['C10'],
    edits: [
      {
        file: 'core/watch/ring.ts',
        find: 'entry.revision <= revision) low = middle + 1;',
        replace: 'entry.revision < revision) low = middle + 1;',
      },
    ],
  },
  {
    name: 'snapshot at another revision',
    slip: 'After its snapshot a watch goes on from what is applied by then, rather than from the revision of the snapshot.',
    breaks: ['C10'],
    edits: [
      {
        file: SESSION,
        find: 'this.#follow(revision, true);',
        replace: 'this.#follow(tailer.applied, true);',
      },
    ],
  },
  {
    name: 'snapshot of several states',
    slip: 'Every range of a snapshot is read at the head of its own moment.',
    breaks: ['C10'],
    edits: [
      {
        file: 'core/watch/snapshot.ts',
        find: '        asOf: asOf?.revision,\n',
        replace: '        asOf: undefined,\n',
      },
    ],
  },
  {
    name: 'fed while catching up',
    slip: 'A watch that still reads the log is fed with what is applied meanwhile: the sooner it comes, the better.',
    breaks: ['C10'],
    edits: [
      {
        file: HUB,
        find: 'if (watcher.synced && entry.revision > watcher.position)',
        replace: 'if (entry.revision > watcher.position)',
      },
    ],
  },
  {
    name: 'overflow forgotten',
    slip: 'A watch whose queue is dropped goes on reading the log from where it was, rather than from what its reader has.',
    breaks: ['C10', 'C11'],
    edits: [
      {
        file: WATCHER,
        find: '    this.synced = false;\n    this.position = this.#handed;\n',
        replace: '    this.synced = false;\n',
      },
    ],
  },
  {
    name: 'watch goes on over what was lost',
    slip: 'A watch that delivered what a failover has lost goes on in the new epoch, as if its reader had never seen it.',
    breaks: ['C10'],
    edits: [
      {
        file: HUB,
        find: 'if (isLost(watcher.handed)) watcher.end(revisionLost(watcher.handed, history.epoch.startRevision));\n      else if',
        replace: 'if',
      },
    ],
  },
];
