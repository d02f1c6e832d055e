import fc from 'fast-check';
import type { CommitOperation, NativeValue, ParamdClient, WatchItem } from '../../src/client/index.ts';
import { type ContractSubject, outcomeOf } from './contract-subject.ts';

/** One step of a random course; what it came to is compared between clients. */
export interface Step {
  readonly name: string;
  readonly run: (subject: ContractSubject) => Promise<unknown>;
}

function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

/** Mostly good, so that courses get somewhere. */
const key = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom('a', 'a:b', 'a:é', 'a:\u{10000}', 'a:\uff5e', 'b') },
  { weight: 1, arbitrary: fc.constantFrom('', 'e\u0301') },
);
const prefix = fc.constantFrom('', 'a', 'a:', 'b');
const value: fc.Arbitrary<NativeValue> = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(1n, 2n) }, // of one kind
  fc.constantFrom('', 'x', 'é'),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.uint8Array({ maxLength: 3 }),
  fc.array(fc.constantFrom('', 'p'), { maxLength: 2 }),
  fc.constantFrom({ json: '{"a":[1]}' }, { json: 'null' }, { json: '' }, { durationNs: -1_500_000_000n }),
);
const revision = fc.bigInt({ min: 0n, max: 20n });
const ifRevision = seldom(revision);
const labels = fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 }).map((names) => {
  return new Map(names.map((name) => [name, name]));
});
const contents = fc.record(
  {
    cacheTtlMs: fc.constantFrom(1000, 1500.000001, 2_592_000_000),
    labels,
    removeLabels: fc.array(fc.constantFrom('x', 'y', '*'), { maxLength: 2 }),
    allowKindChange: fc.boolean(),
  },
  { requiredKeys: [] },
);
const write = fc.record({
  requestId: seldom(fc.constantFrom('r1', 'r2', 'r3')),
  validateOnly: seldom(fc.constant(true)),
});
const allowMissing = fc.boolean();
const operation: fc.Arbitrary<CommitOperation> = fc.oneof(
  fc
    .tuple(key, fc.option(value, { nil: undefined, freq: 8 }), contents)
    .map(([set, value, contents]) => ({ set, value, ...contents })),
  fc.record({ delete: key, allowMissing }),
);

const set = fc
  .tuple(key, fc.option(value, { nil: undefined, freq: 8 }), contents, write, ifRevision)
  .map(([key, value, contents, write, ifRevision]) => {
    return calling('set', (client) => client.set(key, value, { ...contents, ...write, ifRevision }));
  });
const remove = fc.tuple(key, write, allowMissing, ifRevision).map(([key, write, allowMissing, ifRevision]) => {
  return calling('delete', (client) => client.delete(key, { ...write, allowMissing, ifRevision }));
});
/** Hardly ever two on one key. */
const operations = fc.oneof(
  { weight: 9, arbitrary: fc.uniqueArray(operation, { minLength: 1, maxLength: 4, selector: keyOf }) },
  { weight: 1, arbitrary: fc.array(operation, { maxLength: 4 }) },
);
const conditions = fc.array(fc.record({ key, ifRevision: revision }), { minLength: 1, maxLength: 2 });
const commit = fc.tuple(operations, seldom(conditions), write).map(([operations, conditions, write]) => {
  return calling('commit', (client) => client.commit(operations, { ...write, conditions }));
});
const get = fc.tuple(key, seldom(revision)).map(([key, atLeastRevision]) => {
  return calling('get', (client) => client.get(key, { atLeastRevision }));
});
const getMany = fc.array(key).map((keys) => calling('getMany', (client) => client.getMany(keys)));
const list = fc.tuple(prefix, fc.integer({ min: 0, max: 3 }), fc.boolean()).map(([prefix, pageSize, keysOnly]) => {
  return calling('list', (client) => allOf(client.list(prefix, { pageSize, keysOnly })));
});
const watch = fc
  .tuple(fc.array(prefix, { maxLength: 2 }), fc.array(key, { maxLength: 2 }), fc.boolean(), fc.boolean(), revision)
  .map(([prefixes, keys, initial, previous, from]) => {
    return calling('watch', async (client) => {
      const head = (await client.getMany([])).freshness!.revision;
      const fromRevision = from === 0n ? undefined : from;
      return watchedUntil(
        head,
        client.watch({ keys, prefixes }, { initial, previous, fromRevision, progressIntervalMs: 100 }),
      );
    });
  });
const later = fc.constantFrom(1, 3_599_999, 3_600_000).map((ms): Step => {
  return { name: `later by ${ms} ms`, run: async (subject) => subject.advance(ms) };
});
const compact = fc.constant<Step>({ name: 'compact', run: (subject) => subject.compact() });

export const course: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: set },
    { weight: 3, arbitrary: remove },
    { weight: 4, arbitrary: commit },
    { weight: 2, arbitrary: fc.oneof(get, getMany, list) },
    { weight: 3, arbitrary: watch },
    { weight: 1, arbitrary: later },
    { weight: 1, arbitrary: compact },
  ),
  { minLength: 10, maxLength: 40 },
);

function keyOf(operation: CommitOperation): string {
  return 'set' in operation ? operation.set : operation.delete;
}

function calling(name: string, call: (client: ParamdClient) => Promise<unknown>): Step {
  return { name, run: ({ client }) => outcomeOf(call(client)) };
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What a watch tells up to a revision; how it is cut into items is the server's affair. */
async function watchedUntil(head: bigint, watch: AsyncIterable<WatchItem>) {
  const told = [];
  for await (const item of watch) {
    if (item.kind === 'snapshot') told.push({ snapshot: item.parameters, revision: item.revision });
    if (item.kind === 'changes') told.push(...item.events);
    if (item.revision >= head) break;
  }
  return told;
}
