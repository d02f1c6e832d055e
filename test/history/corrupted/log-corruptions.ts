import { type CorruptEntry, type CorruptHistory, type Corruption, lastEra, some } from './corruption.ts';

const middleEntry = (history: CorruptHistory): CorruptEntry => some(lastEra(history).entries, 'entry');

function eventWith(history: CorruptHistory, has: 'previous' | 'no previous'): CorruptEntry['events'][number] {
  const events = lastEra(history).entries.flatMap((entry) => entry.events);
  return some(
    events.filter(({ type, previous }) => type === 'put' && (previous !== undefined) === (has === 'previous')),
    `put with ${has}`,
  );
}

export const logCorruptions: readonly Corruption[] = [
  {
    name: 'an entry is missing',
    kind: 'gap in the log',
    corrupt(history) {
      const { entries } = lastEra(history);
      entries.splice(entries.indexOf(middleEntry(history)), 1);
    },
  },
  {
    name: 'a revision of two contents',
    kind: 'revision issued twice',
    corrupt(history) {
      const { entries } = lastEra(history);
      const entry = middleEntry(history);
      entries.splice(entries.indexOf(entry) + 1, 0, { ...entry, batchId: 'another' });
    },
  },
  {
    name: 'an epoch that issues the revisions of the one before',
    kind: 'revision issued twice',
    corrupt({ truth }) {
      const [first, second] = truth.eras;
      second!.startRevision = first!.startRevision + 2n;
      for (const [at, entry] of second!.entries.entries()) entry.revision = second!.startRevision + BigInt(at);
    },
  },
  {
    name: 'two epochs of one id',
    kind: 'eras out of order',
    corrupt({ truth }) {
      truth.eras[1]!.epochId = truth.eras[0]!.epochId;
    },
  },
  {
    name: 'an epoch number that does not grow',
    kind: 'eras out of order',
    corrupt({ truth }) {
      truth.eras[1]!.epochNumber = truth.eras[0]!.epochNumber;
    },
  },
  {
    name: 'an epoch that continues none',
    kind: 'eras out of order',
    corrupt({ truth }) {
      truth.eras[1]!.continues = -1;
    },
  },
  {
    name: 'a first epoch that continues another one',
    kind: 'eras out of order',
    corrupt({ truth }) {
      truth.eras[0]!.continues = 0;
    },
  },
  {
    name: 'an entry without events',
    kind: 'empty revision',
    corrupt(history) {
      middleEntry(history).events = [];
    },
  },
  {
    name: 'a key changed twice at one revision',
    kind: 'key twice in a revision',
    corrupt(history) {
      const { events } = middleEntry(history);
      events.push({ ...events[0]! });
    },
  },
  {
    name: 'a batch with another one in between',
    kind: 'batch split in the log',
    corrupt(history) {
      const { entries } = lastEra(history);
      const [one, two, three] = entries.slice(Math.floor(entries.length / 2)) as [
        CorruptEntry,
        CorruptEntry,
        CorruptEntry,
      ];
      one.batchId = 'split';
      two.batchId = 'between';
      three.batchId = 'split';
    },
  },
  {
    name: 'a failover that kept a part of a batch',
    kind: 'batch split in the log',
    corrupt({ truth }) {
      const { entries } = truth.eras[0]!;
      const kept = entries.findIndex(({ revision }) => revision === truth.eras[1]!.keptRevision);
      entries[kept + 1]!.batchId = entries[kept]!.batchId;
    },
  },
  {
    name: 'a previous value of another revision',
    kind: 'wrong previous in the log',
    corrupt(history) {
      eventWith(history, 'previous').previous!.revision -= 1n;
    },
  },
  {
    name: 'a previous value where there was none',
    kind: 'wrong previous in the log',
    corrupt(history) {
      eventWith(history, 'no previous').previous = { value: 'v1', revision: 1n };
    },
  },
  {
    name: 'a version left out',
    kind: 'wrong counters in the log',
    corrupt(history) {
      eventWith(history, 'previous').version += 1n;
    },
  },
  {
    name: 'a creation that is an update',
    kind: 'wrong counters in the log',
    corrupt(history) {
      eventWith(history, 'no previous').createRevision -= 1n;
    },
  },
];
