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
type CorruptFound = CorruptAnswer['found'] extends Map<string, infer Found> ? Found : never;

const UNASKED: Found = { value: 'x', revision: 1n, createRevision: 1n, version: 1n };

function pick(history: CorruptHistory, what: string, isWanted: (answered: Answered) => boolean): Answered {
  return some(answers(history).filter(isWanted), what);
}

const isGet = ({ read }: Answered) => read.method === 'get';
const asksNothing = ({ read }: Answered) => !read.linearizable && read.maxStalenessMs === undefined;

function isOfLastEra(history: CorruptHistory): (answered: Answered) => boolean {
  const { startRevision } = lastEra(history);
  return ({ answer }) => answer.revision >= startRevision;
}

/** What a get found. */
function foundOne(history: CorruptHistory): { answer: CorruptAnswer; key: string; parameter: CorruptFound } {
  const { answer } = pick(history, 'found parameter', (get) => isGet(get) && get.answer.found.size === 1);
  const [key, parameter] = [...answer.found][0]!;
  return { answer, key, parameter };
}

/** With several parameters. */
function answerOf(history: CorruptHistory, method: 'batch' | 'list'): CorruptAnswer {
  return pick(history, method, ({ read, answer }) => read.method === method && answer.found.size > 1).answer;
}

/** The key as it was at another revision, that somebody else was told. */
function otherFound(history: CorruptHistory, key: string, besides: bigint | undefined): Found | undefined {
  for (const { answer } of answers(history)) {
    const found = answer.found.get(key);
    if (found !== undefined && found.revision !== besides) return { ...found };
  }
  return undefined;
}

/** The answer has the key as it was at another revision. */
function exchange(history: CorruptHistory, { found }: CorruptAnswer, key: string): void {
  found.set(key, otherFound(history, key, found.get(key)?.revision)!);
}

/** An answer from the beginning of the last era is given after the end of the run. */
function delay(history: CorruptHistory, says: Partial<Pick<CorruptAnswer, 'degraded' | 'boundMs'>> = {}): CorruptRead {
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
      asksNothing(answered) &&
      answered.answer.revision >= startRevision &&
      answered.answer.revision < early &&
      changed.has(answered.read.keys[0]!),
  );
  read.callMs = endOf(history) + 1000;
  read.returnMs = read.callMs + 1;
  Object.assign(answer, says);
  return read;
}

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
      foundOne(history).parameter.value = 'other';
    },
  },
  {
    name: 'an older value as of a newer revision',
    kind: 'wrong value',
    corrupt(history) {
      const { answer, key } = foundOne(history);
      exchange(history, answer, key);
    },
  },
  {
    name: 'a version that is too high',
    kind: 'wrong counters',
    corrupt(history) {
      foundOne(history).parameter.version += 1n;
    },
  },
  {
    name: 'a create revision of the life before',
    kind: 'wrong counters',
    corrupt(history) {
      foundOne(history).parameter.createRevision -= 1n;
    },
  },
  {
    name: 'what exists is not found',
    kind: 'existing parameter not found',
    corrupt(history) {
      foundOne(history).answer.found.clear();
    },
  },
  {
    name: 'what was deleted is found',
    kind: 'missing parameter found',
    corrupt(history) {
      const isMissing = ({ read, answer }: Answered) =>
        read.method === 'get' && answer.found.size === 0 && otherFound(history, read.keys[0]!, undefined) !== undefined;
      const { read, answer } = pick(history, 'missing parameter', isMissing);
      exchange(history, answer, read.keys[0]!);
    },
  },
  {
    name: 'more than was asked for',
    kind: 'parameter that was not asked for',
    corrupt(history) {
      foundOne(history).answer.found.set('unasked', { ...UNASKED });
    },
  },
  {
    name: 'a key outside of the prefix',
    kind: 'parameter that was not asked for',
    corrupt(history) {
      const { answer } = pick(history, 'list of a prefix', ({ read }) => read.method === 'list' && read.prefix === 'a');
      answer.found.set('b:1', { ...UNASKED });
    },
  },
  {
    name: 'a batch of two moments',
    kind: 'torn batch',
    corrupt(history) {
      const batch = answerOf(history, 'batch');
      exchange(history, batch, [...batch.found.keys()][0]!);
    },
  },
  {
    name: 'a list that skips a key',
    kind: 'torn list',
    corrupt(history) {
      const list = answerOf(history, 'list');
      list.found.delete([...list.found.keys()][1]!);
    },
  },
  {
    name: 'a list with an older page',
    kind: 'torn list',
    corrupt(history) {
      const list = answerOf(history, 'list');
      exchange(history, list, [...list.found.keys()].at(-1)!);
    },
  },
  {
    name: 'an answer from long ago',
    kind: 'stale read',
    corrupt(history) {
      delay(history, { degraded: false });
    },
  },
  {
    name: 'a linearizable answer from before the call',
    kind: 'linearizable read behind',
    corrupt(history) {
      delay(history).linearizable = true;
    },
  },
  {
    name: 'an old answer that says it is new',
    kind: 'bound below the true staleness',
    corrupt(history) {
      delay(history, { degraded: false, boundMs: 1 });
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
      delay(history, { degraded: true, boundMs: 20 });
    },
  },
  {
    name: 'a replica that forgets what it has acknowledged',
    kind: 'write not reflected on its replica',
    corrupt(history) {
      const isOfEra = isOfLastEra(history);
      for (const { write, revision } of acknowledgedSets(history).toReversed()) {
        const key = write.operations[0]!.key;
        const before = answers(history).find((get) => {
          return isGet(get) && isOfEra(get) && get.read.keys[0] === key && get.answer.revision < revision;
        });
        if (before === undefined) continue;
        Object.assign(before.read, {
          replica: write.replica,
          callMs: write.returnMs + 1,
          returnMs: write.returnMs + 2,
        });
        return;
      }
      throw new Error('the history has no write with a read before it');
    },
  },
  {
    name: 'an answer below at_least_revision',
    kind: 'at_least_revision not reflected',
    corrupt(history) {
      const isOfEra = isOfLastEra(history);
      const end = lastEra(history).entries.at(-1)!.revision;
      const { read, answer } = pick(history, 'read', (one) => isOfEra(one) && one.answer.revision < end);
      read.atLeastRevision = answer.revision + 1n;
    },
  },
  {
    name: 'an answer of an order that has lost at_least_revision',
    kind: 'at_least_revision not reflected',
    corrupt(history) {
      const { read } = pick(history, 'read of the last era', isOfLastEra(history));
      read.atLeastRevision = lastEra(history).keptRevision + 1n;
    },
  },
  {
    name: 'a revision refused as lost that is there',
    kind: 'refused as lost what is not',
    corrupt(history) {
      const isOfEra = isOfLastEra(history);
      const { read, answer } = pick(history, 'get of the last era', (one) => isGet(one) && isOfEra(one));
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
