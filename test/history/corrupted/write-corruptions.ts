import {
  acknowledgedSets,
  acknowledgedWrites,
  type CorruptHistory,
  type Corruption,
  type CorruptWrite,
  endOf,
  lastEra,
  some,
} from './corruption.ts';

const anySet = (history: CorruptHistory) => some(acknowledgedSets(history), 'acknowledged set');

/** One more call, which nothing else contradicts: a set of a key that nobody else writes. */
function call(history: CorruptHistory, its: Partial<CorruptWrite> & Pick<CorruptWrite, 'outcome'>): void {
  const callMs = endOf(history) - 100;
  const caller = { type: 'write', client: 77, replica: 'r0', callMs, returnMs: callMs + 5, requestId: '' } as const;
  const set = { type: 'set', key: 'never', value: 'never' } as const;
  history.operations.push({ ...caller, operations: [set], conditions: [], ...its });
}

/** Of the key that nobody writes: it consumes no revision, so it is answered with the head. */
function deleteOfNothing(history: CorruptHistory, revision: bigint, conditions: CorruptWrite['conditions'] = []): void {
  call(history, { operations: [{ type: 'delete', key: 'never' }], conditions, outcome: { status: 'ok', revision } });
}

export const writeCorruptions: readonly Corruption[] = [
  {
    name: 'an acknowledged write is not in the log',
    kind: 'acknowledged write missing',
    corrupt(history) {
      anySet(history).write.operations = [{ type: 'set', key: 'a:0', value: 'nowhere' }];
    },
  },
  {
    name: 'an acknowledged write at a revision that never was',
    kind: 'acknowledged write missing',
    corrupt(history) {
      call(history, { outcome: { status: 'ok', revision: 1n << 50n } });
    },
  },
  {
    name: 'a failover lost what had been acknowledged',
    kind: 'acknowledged write lost',
    demands: { mayLose: false },
    corrupt({ truth }) {
      truth.eras[1]!.keptRevision -= 20n;
    },
  },
  {
    name: 'an acknowledgement with the next revision',
    kind: 'acknowledged at another revision',
    corrupt(history) {
      const { write, revision } = anySet(history);
      write.outcome = { status: 'ok', revision: revision + 1n };
    },
  },
  {
    name: 'a delete acknowledged with the revision before it',
    kind: 'acknowledged delete of what exists',
    corrupt(history) {
      const { entries } = lastEra(history);
      const deletes = acknowledgedWrites(history).filter(({ write, revision }) => {
        const events = entries.find((entry) => entry.revision === revision)?.events;
        const [operation, ...others] = write.operations;
        return (
          others.length === 0 &&
          events?.length === 1 &&
          events[0]!.type === 'delete' &&
          events[0]!.key === operation!.key
        );
      });
      const { write, revision } = some(deletes, 'acknowledged delete');
      write.outcome = { status: 'ok', revision: revision - 1n };
    },
  },
  {
    name: 'half a commit',
    kind: 'write with other contents',
    corrupt(history) {
      const commits = acknowledgedWrites(history).filter(({ write }) =>
        write.operations.every(({ type }) => type === 'set'),
      );
      some(commits, 'commit').write.operations.push({ type: 'set', key: 'a:99', value: 'the other half' });
    },
  },
  {
    name: 'a retry that was done again',
    kind: 'write done twice',
    corrupt(history) {
      const { entries } = lastEra(history);
      const isLast = (key: string, at: number) =>
        !entries.slice(at + 1).some(({ events }) => events.some((e) => e.key === key));
      const at = entries.findLastIndex(
        ({ events }, place) => events[0]!.type === 'put' && isLast(events[0]!.key, place),
      );
      const { revision, events } = entries[at]!;
      const [event] = events as [(typeof events)[number]];
      const again = { ...event, previous: { value: event.value, revision }, version: event.version + 1n };
      entries.push({ revision: entries.at(-1)!.revision + 1n, batchId: 'again', events: [again] });
    },
  },
  {
    name: 'a refused write was done',
    kind: 'refused write done',
    corrupt(history) {
      anySet(history).write.outcome = { status: 'failed', reason: 'STORE_UNREACHABLE' };
    },
  },
  {
    name: 'a retry told of another revision',
    kind: 'retry answered otherwise',
    corrupt(history) {
      const writes = acknowledgedWrites(history).filter(({ write }) => write.requestId !== '');
      const { write, revision } = some(writes, 'acknowledged write with a request id');
      const outcome = { status: 'ok', revision: revision - 1n } as const;
      history.operations.push({ ...write, callMs: write.returnMs + 1, returnMs: write.returnMs + 2, outcome });
    },
  },
  {
    name: 'an entry that comes from nowhere',
    kind: 'entry that nobody wrote',
    corrupt(history) {
      history.operations.splice(history.operations.indexOf(anySet(history).write), 1);
    },
  },
  {
    name: 'a write that was seen before it was called',
    kind: 'write ordered before its call',
    corrupt(history) {
      const { write } = anySet(history);
      write.callMs = endOf(history) + 50;
      write.returnMs = write.callMs + 5;
    },
  },
  {
    name: 'a delete of nothing that did not see what came before',
    kind: 'write ordered before its call',
    corrupt(history) {
      deleteOfNothing(history, lastEra(history).startRevision);
    },
  },
  {
    name: 'done though its condition did not hold',
    kind: 'condition that did not hold',
    corrupt(history) {
      anySet(history).write.conditions = [{ key: 'never', revision: 1n }];
    },
  },
  {
    name: 'a delete of nothing though its condition did not hold',
    kind: 'condition that did not hold',
    corrupt(history) {
      deleteOfNothing(history, lastEra(history).entries.at(-1)!.revision, [{ key: 'never', revision: 1n }]);
    },
  },
  {
    name: 'refused as mismatched though it matched all the time',
    kind: 'refusal that could not be true',
    corrupt(history) {
      call(history, {
        conditions: [{ key: 'never', revision: 0n }],
        outcome: { status: 'failed', reason: 'REVISION_MISMATCH' },
      });
    },
  },
  {
    name: 'refused as existing though it never did',
    kind: 'refusal that could not be true',
    corrupt(history) {
      const conditions = [
        { key: 'never', revision: 0n },
        { key: 'a:0', revision: 1n << 50n },
      ];
      call(history, { conditions, outcome: { status: 'failed', reason: 'PARAMETER_EXISTS' } });
    },
  },
  {
    name: 'too little happened',
    kind: 'too few operations',
    corrupt(history) {
      history.operations.length = 5;
      history.operations[4]!.returnMs += 60_000;
    },
  },
  {
    name: 'nothing happened while something was broken',
    kind: 'no traffic during a fault',
    corrupt(history) {
      const startMs = endOf(history) + 10;
      history.faults.push({ name: 'unseen', startMs, healMs: startMs + 1000 });
    },
  },
  {
    name: 'every read failed',
    kind: 'nothing succeeded',
    corrupt(history) {
      for (const operation of history.operations) {
        if (operation.type === 'read') operation.outcome = { status: 'failed', reason: 'STORE_UNREACHABLE' };
      }
    },
  },
];
