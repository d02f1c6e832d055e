import type { Mistake } from './mistake.ts';

const VIEW = 'core/cache/cache-view.ts';
const LEASE = 'core/cache/lease.ts';
const LOADER = 'core/cache/store-loader.ts';
const READ = 'core/cache/read-path.ts';

export const cacheMistakes: readonly Mistake[] = [
  {
    name: 'fill without the rule',
    slip: 'What a load or a write brings is put into the near cache as it comes: it was read from the store just now.',
    breaks: ['C5'],
    edits: [
      {
        file: VIEW,
        find: '    if (!this.keep(key, content)) return;\n',
        replace: '    this.near.set(key, this.#nearEntry(content));\n',
      },
    ],
  },
  {
    name: 'as-of ignored',
    slip: 'An entry of the shared cache counts as current at the time of the lookup, rather than as of when it was put there.',
    breaks: ['C5', 'C13'],
    edits: [
      {
        file: READ,
        find: 'view.keep(key, content);',
        replace: 'view.keep(key, { ...content, asOf: this.#options.tailer.applied });',
      },
    ],
  },
  {
    name: 'changes remembered only of what is held',
    slip: 'A change of a key that the near cache does not hold is passed over: there is nothing to invalidate.',
    breaks: ['C5'],
    edits: [
      {
        file: VIEW,
        find: `      this.#changes.record(key, revision);
      const held = this.near.peek(key);
      if (held === undefined) continue;
`,
        replace: `      const held = this.near.peek(key);
      if (held === undefined) continue;
      this.#changes.record(key, revision);
`,
      },
    ],
  },
  {
    name: 'tombstone missing',
    slip: 'A delete removes the key and leaves nothing: no tombstone in the shared cache, nor its revision among the last changes, which alone would be guard enough.',
    breaks: ['C1', 'C5'],
    edits: [
      {
        file: VIEW,
        find: '      this.#changes.record(key, revision);\n',
        replace: "      if (type === 'put') this.#changes.record(key, revision);\n",
      },
      {
        file: 'core/write/write-path.ts',
        find: "event.type === 'delete' ? view.absent(revision) : event.parameter && view.contentOf(event.parameter, revision);",
        replace: 'event.parameter?.value && view.contentOf(event.parameter, revision);',
      },
    ],
  },
  {
    name: 'near cache kept over an epoch',
    slip: 'A new epoch begins with what the near cache holds: what was lost is thought never to have been read.',
    breaks: ['C5'],
    edits: [{ file: VIEW, find: '    this.near.clear();\n', replace: '' }],
  },
  {
    name: "lease from the poll's end",
    slip: 'The lease counts from the answer of a head read rather than from its start: that is when the news came.',
    breaks: ['C5'],
    edits: [{ file: LEASE, find: 'startedAtMs: start.atMs,', replace: 'startedAtMs: this.#clock.monotonicMs(),' }],
  },
  {
    name: 'lease before applied',
    slip: 'Every head read renews the lease, although its head is not applied yet: the announcements are sure to come.',
    breaks: ['C5'],
    edits: [
      {
        file: LEASE,
        find: '      // Keep what can still become the newest proof: later start, or lower head.\n',
        replace: '      this.#prove(proof);\n',
      },
    ],
  },
  {
    name: 'wall clock trusted',
    slip: 'The age of the lease follows the wall clock, which may be put back, as well as ahead.',
    breaks: ['C5'],
    edits: [
      { file: LEASE, find: '    if (offsetMs < this.#wallOffsetMs) this.#wallOffsetMs = offsetMs;\n', replace: '' },
      { file: LEASE, find: 'return aheadMs > SLEEP_NOTICED_MS ? aheadMs : 0;', replace: 'return aheadMs;' },
    ],
  },
  {
    name: 'sleep not noticed',
    slip: 'The age of the lease is that of the monotonic clock alone, which stands still while the machine sleeps.',
    breaks: ['C5'],
    edits: [{ file: LEASE, find: 'return aheadMs > SLEEP_NOTICED_MS ? aheadMs : 0;', replace: 'return 0;' }],
  },
  {
    name: 'flight joined too late',
    slip: 'A caller joins the load that is under way for its key, whenever that began: single-flight as most write it.',
    breaks: ['C5'],
    edits: [
      {
        file: LOADER,
        find: 'if (current.startedAtMs === undefined || current.startedAtMs >= sinceMs) return current;',
        replace: 'if (sinceMs !== undefined) return current;',
      },
    ],
  },
  {
    name: "bound from the load's end",
    slip: 'The age of what was loaded counts from when the answer came rather than from when the statement began.',
    breaks: ['C5'],
    edits: [
      {
        file: LOADER,
        find: 'this.#land(flight, { contents, asOf, startedAtMs });',
        replace: 'this.#land(flight, { contents, asOf, startedAtMs: clock.monotonicMs() });',
      },
    ],
  },
  {
    name: 'batch picked over an await',
    slip: 'A batch takes what the near cache held when it was gathered, and looks again only at what came from elsewhere.',
    breaks: ['C5'],
    edits: [
      {
        file: 'core/cache/batch-read.ts',
        find: '? view.known(key)?.encoded === candidate.encoded',
        replace: '? true',
      },
    ],
  },
  {
    name: 'degraded not flagged',
    slip: 'The best known answer is given as any other while the store is away: it has been right so far.',
    breaks: ['C5', 'C7'],
    edits: [{ file: READ, find: 'degraded: !lease.provenSince(need.sinceMs),', replace: 'degraded: false,' }],
  },
  {
    name: 'revision asked for not waited for',
    slip: 'A lease that is young enough answers a read with at_least_revision, whatever is applied.',
    breaks: ['C2', 'C3'],
    edits: [
      {
        file: 'core/cache/proof.ts',
        find: 'return this.reflects(need) && this.#lease.provenSince(need.sinceMs);',
        replace: 'return this.#lease.provenSince(need.sinceMs);',
      },
    ],
  },
];
