import { type CorruptHistory, type Corruption, type CorruptWatch, endOf, lastEra, some } from './corruption.ts';

type Response = CorruptWatch['responses'][number];

function pick(history: CorruptHistory, what: string, isWanted: (watch: CorruptWatch) => boolean): CorruptWatch {
  return some(history.watches.filter(isWanted), what);
}

/** A response with changes, behind the first one. */
function pickChanges(
  history: CorruptHistory,
  what: string,
  isWanted: (response: Response, watch: CorruptWatch) => boolean = () => true,
): { watch: CorruptWatch; at: number; response: Response } {
  const candidates = history.watches.flatMap((watch) =>
    watch.responses.flatMap((response, at) =>
      at > 0 && response.kind === 'changes' && follows(watch.responses[at - 1]!) && isWanted(response, watch)
        ? [{ watch, at, response }]
        : [],
    ),
  );
  return some(candidates, what);
}

const follows = ({ kind }: Response) => kind !== 'initial';
const revisionsOf = ({ events }: Response) => new Set(events.map(({ revision }) => revision)).size;
const isSnapshot = ({ responses }: CorruptWatch) => responses[0]?.kind === 'initial' && responses[0].events.length > 1;

const pickRevisionOfTwo = (history: CorruptHistory) =>
  pickChanges(history, 'revision of two events', (changes) => revisionsOf(changes) === 1 && changes.events.length > 1);

const pickUpdate = (history: CorruptHistory) =>
  pickChanges(history, 'event with a previous value', ({ events }) => events[0]!.previous !== undefined);

const pickFresh = (history: CorruptHistory, isWanted: (responses: readonly Response[]) => boolean) =>
  pick(history, 'watch from now on', ({ startRevision, sendInitial, responses }) => {
    return startRevision === 0n && !sendInitial && responses.length > 2 && isWanted(responses);
  });

const pickFailedOver = (history: CorruptHistory) =>
  pick(history, 'watch that a failover ended', ({ endedBy, responses }) => {
    return endedBy === 'REVISION_LOST' && responses.length > 0;
  });

/** The parameters of one. */
const snapshotOf = (history: CorruptHistory) => pick(history, 'snapshot', isSnapshot).responses[0]!.events;

/** That comes when this response does. */
function bookmark({ atMs }: Response, revision: bigint): Response {
  return { kind: 'progress', revision, events: [], atMs };
}

export const watchCorruptions: readonly Corruption[] = [
  {
    name: 'a response of a revision that never was',
    kind: 'revision that never was',
    corrupt(history) {
      pickChanges(history, 'changes').response.revision += 1n << 35n;
    },
  },
  {
    name: 'two revisions change places',
    kind: 'events out of order',
    corrupt(history) {
      pickChanges(history, 'changes of two revisions', (changes) => revisionsOf(changes) > 1).response.events.reverse();
    },
  },
  {
    name: 'two events of a revision change places',
    kind: 'events out of order',
    corrupt(history) {
      pickRevisionOfTwo(history).response.events.reverse();
    },
  },
  {
    name: 'a response comes again',
    kind: 'event twice',
    corrupt(history) {
      const { watch, at, response } = pickChanges(history, 'changes');
      watch.responses.splice(at + 1, 0, response);
    },
  },
  {
    name: 'an event comes twice in one response',
    kind: 'event twice',
    corrupt(history) {
      const { response } = pickChanges(history, 'changes');
      response.events.unshift({ ...response.events[0]! });
    },
  },
  {
    name: 'a revision in two responses',
    kind: 'revision split over responses',
    corrupt(history) {
      const { watch, at, response } = pickRevisionOfTwo(history);
      const rest = response.events.splice(1);
      watch.responses.splice(at + 1, 0, { ...response, events: rest });
    },
  },
  {
    name: 'a response is lost',
    kind: 'gap in a watch',
    corrupt(history) {
      const isNotLast = (response: Response, watch: CorruptWatch) => watch.responses.at(-1) !== response;
      const { watch, at } = pickChanges(history, 'changes', isNotLast);
      watch.responses.splice(at, 1);
    },
  },
  {
    name: 'the first revision behind the start is lost',
    kind: 'gap in a watch',
    corrupt(history) {
      const isResumed = ({ startRevision, responses }: CorruptWatch) =>
        startRevision > 0n && responses.length > 1 && responses[0]!.kind === 'changes';
      pick(history, 'resumed watch', isResumed).responses.shift();
    },
  },
  {
    name: 'a part of a revision is lost',
    kind: 'gap in a watch',
    corrupt(history) {
      pickRevisionOfTwo(history).response.events.pop();
    },
  },
  {
    name: 'a bookmark comes too early',
    kind: 'event behind a bookmark',
    corrupt(history) {
      const { watch, at, response } = pickChanges(history, 'changes');
      watch.responses.splice(at, 0, bookmark(response, response.revision));
    },
  },
  {
    name: 'a bookmark below the one before',
    kind: 'bookmark went back',
    corrupt(history) {
      const { watch, at, response } = pickChanges(history, 'changes');
      watch.responses.splice(at + 1, 0, bookmark(response, response.revision - 1n));
    },
  },
  {
    name: 'a response that goes less far than its events',
    kind: 'bookmark went back',
    corrupt(history) {
      const { response } = pickChanges(history, 'changes');
      response.revision = response.events.at(-1)!.revision - 1n;
    },
  },
  {
    name: 'a watch from now on that begins with what was before',
    kind: 'watch began in the past',
    corrupt(history) {
      pickFresh(history, ([first]) => first!.kind === 'progress').openMs = endOf(history);
    },
  },
  {
    name: 'a watch whose first change was before',
    kind: 'watch began in the past',
    corrupt(history) {
      const watch = pickFresh(history, ([, second]) => second!.kind === 'changes');
      watch.responses.shift();
      watch.openMs = endOf(history);
    },
  },
  {
    name: 'a snapshot of an old state',
    kind: 'watch began in the past',
    corrupt(history) {
      pick(history, 'watch with a snapshot', (watch) => isSnapshot(watch) && watch.responses.length > 4).openMs =
        endOf(history);
    },
  },
  {
    name: 'an event of a key that did not change',
    kind: 'event that never was',
    corrupt(history) {
      const { response } = pickChanges(history, 'changes');
      response.events.push({ ...response.events.at(-1)!, key: 'a:unchanged' });
    },
  },
  {
    name: 'an event of a revision that never was',
    kind: 'event that never was',
    corrupt(history) {
      const { response } = pickChanges(history, 'changes');
      response.events.push({ ...response.events.at(-1)!, revision: 1n << 50n });
    },
  },
  {
    name: 'an event with the value of another one',
    kind: 'event with other contents',
    corrupt(history) {
      pickChanges(history, 'changes').response.events[0]!.value = 'other';
    },
  },
  {
    name: 'a put for a delete',
    kind: 'event with other contents',
    corrupt(history) {
      const isDelete = ({ events }: Response) => events[0]!.type === 'delete';
      pickChanges(history, 'delete', isDelete).response.events[0]!.type = 'put';
    },
  },
  {
    name: 'an event outside of the filter',
    kind: 'event that was not asked for',
    corrupt(history) {
      const isOther = ({ events }: Response, { prefixes }: CorruptWatch) => prefixes[0] === '' && events[0]!.key > 'b';
      pickChanges(history, 'change of another key', isOther).watch.prefixes = ['a'];
    },
  },
  {
    name: 'a previous value is missing',
    kind: 'wrong previous in a watch',
    corrupt(history) {
      pickUpdate(history).response.events[0]!.previous = undefined;
    },
  },
  {
    name: 'a previous value that nobody asked for',
    kind: 'wrong previous in a watch',
    corrupt(history) {
      pickUpdate(history).watch.includePrevious = false;
    },
  },
  {
    name: 'a watch that goes on in the new epoch over what was lost',
    kind: 'watch went on over a loss',
    corrupt(history) {
      const watch = pickFailedOver(history);
      const { startRevision } = lastEra(history);
      watch.responses.push({ kind: 'progress', revision: startRevision, events: [], atMs: watch.endMs });
    },
  },
  {
    name: 'a watch that resumes behind what never was',
    kind: 'watch went on over a loss',
    corrupt(history) {
      pick(
        history,
        'resumed watch',
        ({ startRevision, sendInitial }) => startRevision > 0n && !sendInitial,
      ).startRevision = 1n << 50n;
    },
  },
  {
    name: 'the newest changes never come',
    kind: 'watch fell silent',
    corrupt(history) {
      const isLong = ({ settled, responses }: CorruptWatch) =>
        settled && responses.at(-1)?.kind === 'changes' && responses.length > 4;
      pick(history, 'settled watch', isLong).responses.pop();
    },
  },
  {
    name: 'nothing ever comes',
    kind: 'watch fell silent',
    corrupt(history) {
      pick(history, 'settled watch', ({ settled }) => settled).responses = [];
    },
  },
  {
    name: 'a watch that is not told of the loss',
    kind: 'watch fell silent',
    corrupt(history) {
      const watch = pickFailedOver(history);
      watch.endedBy = undefined;
      watch.settled = true;
    },
  },
  {
    name: 'a watch told of a loss that was none',
    kind: 'refused as lost what is not',
    corrupt(history) {
      const { startRevision } = lastEra(history);
      const isOfLastEra = ({ settled, responses }: CorruptWatch) =>
        settled && (responses.at(-1)?.revision ?? 0n) >= startRevision;
      pick(history, 'settled watch', isOfLastEra).endedBy = 'REVISION_LOST';
    },
  },
  {
    name: 'a snapshot without one of its keys',
    kind: 'snapshot not of its revision',
    corrupt(history) {
      snapshotOf(history).pop();
    },
  },
  {
    name: 'a snapshot with an old value',
    kind: 'snapshot not of its revision',
    corrupt(history) {
      snapshotOf(history)[0]!.value = 'older';
    },
  },
  {
    name: 'a snapshot out of the order of keys',
    kind: 'snapshot not of its revision',
    corrupt(history) {
      snapshotOf(history).reverse();
    },
  },
  {
    name: 'a snapshot with a key of another prefix',
    kind: 'snapshot not of its revision',
    corrupt(history) {
      const events = snapshotOf(history);
      events.unshift({ ...events[0]!, key: '!' });
    },
  },
  {
    name: 'a snapshot with a previous value',
    kind: 'snapshot not of its revision',
    corrupt(history) {
      const [event] = snapshotOf(history);
      event!.previous = { value: event!.value, revision: event!.revision };
    },
  },
  {
    name: 'a snapshot that nobody asked for',
    kind: 'snapshot out of place',
    corrupt(history) {
      pick(history, 'snapshot', isSnapshot).sendInitial = false;
    },
  },
  {
    name: 'a snapshot that never is whole',
    kind: 'snapshot out of place',
    corrupt(history) {
      const watch = pick(history, 'snapshot', (one) => isSnapshot(one) && one.responses.at(-1)!.kind === 'changes');
      watch.responses = watch.responses.filter(({ kind }) => kind !== 'initial-complete');
    },
  },
  {
    name: 'a snapshot in the midst of changes',
    kind: 'snapshot out of place',
    corrupt(history) {
      const { watch, at } = pickChanges(
        history,
        'changes of a watch with a snapshot',
        (_response, { sendInitial }) => sendInitial,
      );
      watch.responses.splice(at + 1, 0, { kind: 'initial', revision: 0n, events: [], atMs: watch.endMs });
    },
  },
];
