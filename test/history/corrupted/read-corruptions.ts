import type { Found } from '../history.ts';
import {
  acknowledgedSets,
  answers,
  type CorruptAnswer,
  type CorruptHistory,
  type Corruption,
  type CorruptRead,
  endOf,
  lastEra,
  some,
} from './corruption.ts';

type Answered = { read: CorruptRead; answer: CorruptAnswer };

function pick(history: CorruptHistory, what: string, isWanted: (answered: Answered) => boolean): Answered {
  return some(answers(history).filter(isWanted), what);
}

const isGet = ({ read }: Answered) => read.method === 'get';
const hasFound = ({ read, answer }: Answered) => isGet({ read, answer }) && answer.found.size === 1;

/** The key as it was at another revision, that somebody else was told. */
function otherFound(history: CorruptHistory, key: string, besides: bigint | undefined): Found | undefined {
  for (const { answer } of answers(history)) {
    const found = answer.found.get(key);
    if (found !== undefined && found.revision !== besides) return { ...found };
  }
  return undefined;
}

/** An answer from the beginning of the last era, given after the end of the run. */
function delayed(history: CorruptHistory, isWanted: (answered: Answered) => boolean): Answered {
  const { startRevision, entries } = lastEra(history);
  const early = startRevision + BigInt(Math.floor(entries.length / 4));
  const changed = new Set(
    entries.slice(entries.length / 3, entries.length / 2).flatMap(({ events }) => events.map(({ key }) => key)),
  );
  const { read, answer } = pick(
    history,
    'early answer',
    (answered) =>
      isGet(answered) &&
      isWanted(answered) &&
      answered.answer.revision >= startRevision &&
      answered.answer.revision < early &&
      changed.has(answered.read.keys[0]!),
  );
  read.callMs = endOf(history) + 1000;
  read.returnMs = read.callMs + 1;
  return { read, answer };
}

const asksNothing = ({ read }: Answered) => !read.linearizable && read.maxStalenessMs === undefined;

export const readCorruptions: readonly Corruption[] = [
  {
    name: 'an answer as of a revision that never was',
    kind: 'revision that never was',
    corrupt(history) {
      pick(history, 'answer', () => true).answer.revision = 1n << 50n;
    },
  },
  {
    name: 'another value of the same revision',
    kind: 'two values of one revision',
    corrupt(history) {
      const { answer } = pick(history, 'found parameter', hasFound);
      [...answer.found.values()][0]!.value = 'other';
    },
  },
  {
    name: 'an older value as of a newer revision',
    kind: 'wrong value',
    corrupt(history) {
      const { read, answer } = pick(history, 'found parameter', hasFound);
      const key = read.keys[0]!;
      answer.found.set(key, otherFound(history, key, answer.found.get(key)!.revision)!);
    },
  },
  {
    name: 'a version that is too high',
    kind: 'wrong counters',
    corrupt(history) {
      const { answer } = pick(history, 'found parameter', hasFound);
      [...answer.found.values()][0]!.version += 1n;
    },
  },
  {
    name: 'a create revision of the life before',
    kind: 'wrong counters',
    corrupt(history) {
      const { answer } = pick(history, 'found parameter', hasFound);
      [...answer.found.values()][0]!.createRevision -= 1n;
    },
  },
  {
    name: 'what exists is not found',
    kind: 'existing parameter not found',
    corrupt(history) {
      pick(history, 'found parameter', hasFound).answer.found.clear();
    },
  },
  {
    name: 'what was deleted is found',
    kind: 'missing parameter found',
    corrupt(history) {
      const isMissing = ({ read, answer }: Answered) =>
        read.method === 'get' && answer.found.size === 0 && otherFound(history, read.keys[0]!, undefined) !== undefined;
      const { read, answer } = pick(history, 'missing parameter', isMissing);
      answer.found.set(read.keys[0]!, otherFound(history, read.keys[0]!, undefined)!);
    },
  },
  {
    name: 'more than was asked for',
    kind: 'parameter that was not asked for',
    corrupt(history) {
      const { answer } = pick(history, 'found parameter', hasFound);
      answer.found.set('unasked', { value: 'x', revision: 1n, createRevision: 1n, version: 1n });
    },
  },
  {
    name: 'a key outside of the prefix',
    kind: 'parameter that was not asked for',
    corrupt(history) {
      const { answer } = pick(history, 'list of a prefix', ({ read }) => read.method === 'list' && read.prefix === 'a');
      answer.found.set('b:1', { value: 'x', revision: 1n, createRevision: 1n, version: 1n });
    },
  },
  {
    name: 'a batch of two moments',
    kind: 'torn batch',
    corrupt(history) {
      const { answer } = pick(
        history,
        'batch',
        ({ read, answer: { found } }) => read.method === 'batch' && found.size > 1,
      );
      const [key, found] = [...answer.found][0]!;
      answer.found.set(key, otherFound(history, key, found.revision)!);
    },
  },
  {
    name: 'a list that skips a key',
    kind: 'torn list',
    corrupt(history) {
      const { answer } = pick(
        history,
        'list',
        ({ read, answer: { found } }) => read.method === 'list' && found.size > 1,
      );
      answer.found.delete([...answer.found.keys()][1]!);
    },
  },
  {
    name: 'a list with an older page',
    kind: 'torn list',
    corrupt(history) {
      const { answer } = pick(
        history,
        'list',
        ({ read, answer: { found } }) => read.method === 'list' && found.size > 1,
      );
      const [key, found] = [...answer.found].at(-1)!;
      answer.found.set(key, otherFound(history, key, found.revision)!);
    },
  },
  {
    name: 'an answer from long ago',
    kind: 'stale read',
    corrupt(history) {
      const { answer } = delayed(history, asksNothing);
      answer.degraded = false;
    },
  },
  {
    name: 'a linearizable answer from before the call',
    kind: 'linearizable read behind',
    corrupt(history) {
      delayed(history, asksNothing).read.linearizable = true;
    },
  },
  {
    name: 'an old answer that says it is new',
    kind: 'bound below the true staleness',
    corrupt(history) {
      const { answer } = delayed(history, asksNothing);
      answer.degraded = false;
      answer.boundMs = 1;
    },
  },
  {
    name: 'a bound above max_staleness',
    kind: 'bound beyond what was asked',
    corrupt(history) {
      const { read, answer } = pick(history, 'bounded read', (answered) => !asksNothing(answered));
      answer.boundMs = (read.maxStalenessMs ?? 0) + read.returnMs - read.callMs + 5;
    },
  },
  {
    name: 'a bound above what every answer keeps',
    kind: 'bound beyond what was asked',
    corrupt(history) {
      const { read, answer } = pick(history, 'read', (answered) => asksNothing(answered) && !answered.answer.degraded);
      answer.boundMs = history.stalenessMs + read.returnMs - read.callMs + 5;
    },
  },
  {
    name: 'no bound at all',
    kind: 'answer without a bound',
    corrupt(history) {
      pick(history, 'get', isGet).answer.boundMs = undefined;
    },
  },
  {
    name: 'a degraded answer in place of a linearizable one',
    kind: 'degraded answer to a call that forbids it',
    corrupt(history) {
      pick(history, 'linearizable read', ({ read }) => read.linearizable).answer.degraded = true;
    },
  },
  {
    name: 'a degraded answer where max_staleness was asked',
    kind: 'degraded answer to a call that forbids it',
    corrupt(history) {
      pick(history, 'bounded read', ({ read }) => read.maxStalenessMs !== undefined).answer.degraded = true;
    },
  },
  {
    name: 'a degraded answer that hides its age',
    kind: 'degraded answer older than it says',
    corrupt(history) {
      const { answer } = delayed(history, asksNothing);
      answer.degraded = true;
      answer.boundMs = 20;
    },
  },
  {
    name: 'a replica that forgets what it has acknowledged',
    kind: 'write not reflected on its replica',
    corrupt(history) {
      const { startRevision } = lastEra(history);
      const isOfLastEra = (answered: Answered) => isGet(answered) && answered.answer.revision >= startRevision;
      for (const { write, revision } of acknowledgedSets(history).toReversed()) {
        const key = write.operations[0]!.key;
        const before = answers(history).find(
          (answered) => isOfLastEra(answered) && answered.read.keys[0] === key && answered.answer.revision < revision,
        );
        if (before === undefined) continue;
        const { read } = before;
        Object.assign(read, { replica: write.replica, callMs: write.returnMs + 1, returnMs: write.returnMs + 2 });
        return;
      }
      throw new Error('the history has no write with a read before it');
    },
  },
  {
    name: 'an answer below at_least_revision',
    kind: 'at_least_revision not reflected',
    corrupt(history) {
      const { startRevision, entries } = lastEra(history);
      const end = entries.at(-1)!.revision;
      const isWithin = ({ answer: { revision } }: Answered) => revision >= startRevision && revision < end;
      const { read, answer } = pick(history, 'read', isWithin);
      read.atLeastRevision = answer.revision + 1n;
    },
  },
  {
    name: 'an answer of an order that has lost at_least_revision',
    kind: 'at_least_revision not reflected',
    corrupt(history) {
      const { startRevision } = lastEra(history);
      const { keptRevision } = lastEra(history);
      const { read } = pick(history, 'read of the last era', ({ answer }) => answer.revision >= startRevision);
      read.atLeastRevision = keptRevision + 1n;
    },
  },
  {
    name: 'a revision refused as lost that is there',
    kind: 'refused as lost what is not',
    corrupt(history) {
      const { startRevision } = lastEra(history);
      const { read, answer } = pick(history, 'get of the last era', (answered) => {
        return isGet(answered) && answered.answer.revision >= startRevision;
      });
      Object.assign(read, {
        atLeastRevision: answer.revision,
        callMs: endOf(history) + 1,
        returnMs: endOf(history) + 2,
      });
      read.outcome = { status: 'failed', reason: 'REVISION_LOST' };
      history.operations.push({ ...read, outcome: answer, callMs: endOf(history) - 20, returnMs: endOf(history) - 10 });
    },
  },
  {
    name: 'a session that goes back',
    kind: 'session went back',
    corrupt(history) {
      const { startRevision } = lastEra(history);
      const { read, answer } = pick(history, 'read that carries a revision', ({ read: { atLeastRevision } }) => {
        return (atLeastRevision ?? 0n) > startRevision;
      });
      answer.revision = startRevision;
      history.operations.push({
        ...read,
        outcome: { ...answer, revision: read.atLeastRevision! },
        returnMs: read.callMs - 1,
        callMs: read.callMs - 2,
      });
    },
  },
];
