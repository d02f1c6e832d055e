import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { LogEntry } from '../../src/model/event.ts';
import type { Parameter, Value, ValueKind } from '../../src/model/parameter.ts';
import type { Revision } from '../../src/model/revision.ts';
import type { DeleteOperation, Operation, Outcome, Refusal, SetOperation, Write } from '../../src/model/write.ts';
import type { Committed, Expected, ListRange, Store } from '../../src/ports/store.ts';
import { StoreError } from '../../src/ports/store.ts';

/** A store that a contract test runs against, empty at first. */
export interface StoreSubject {
  readonly store: Store;
  /** Lets everything in it grow older. */
  age(ms: number): Promise<void>;
  close(): Promise<void>;
}

export type OpenSubject = () => Promise<StoreSubject>;

export const HOUR_MS = 3_600_000;
export const WHOLE = { entriesMax: 10_000, bytesMax: 64 << 20, values: true, lane: 'catch-up' } as const;

export function value(text: string, kind: ValueKind = 'string_value'): Value {
  return { kind, encoded: Buffer.from(text) };
}

export function set(key: string, text?: string, more: Partial<SetOperation> = {}): SetOperation {
  const given = text === undefined ? undefined : value(text);
  return { type: 'set', key, value: given, labels: new Map(), removeLabels: [], allowKindChange: false, ...more };
}

export function remove(key: string, more: Partial<DeleteOperation> = {}): DeleteOperation {
  return { type: 'delete', key, allowMissing: false, ...more };
}

export function write(operations: Operation | readonly Operation[], more: Partial<Write> = {}): Write {
  return {
    conditions: [],
    operations: Array.isArray(operations) ? operations : [operations as Operation],
    requestId: '',
    principal: '',
    actor: 'tester',
    contentHash: new Uint8Array(32).fill(7),
    validateOnly: false,
    ...more,
  };
}

export const newBatchId = () => randomBytes(16).toString('hex');

/** What a writer that has applied nothing expects. */
export async function expectation(store: Store): Promise<Expected> {
  const { epoch } = await store.readHead();
  return { epochId: epoch.id, applied: epoch.startRevision - 1n, batchIdAtApplied: '' };
}

export async function commit(store: Store, ...writes: Write[]): Promise<Committed> {
  return store.commit({ id: newBatchId(), writes }, await expectation(store));
}

/** Of one write that has to be done. */
export async function done(store: Store, one: Write | Operation): Promise<Outcome & { done: true }> {
  const { outcomes } = await commit(store, 'type' in one ? write(one) : one);
  return asDone(outcomes[0]!);
}

export function asDone(outcome: Outcome): Outcome & { done: true } {
  if (!outcome.done) throw new Error(`refused: ${outcome.refusal.reason}`);
  return outcome;
}

/** Of one write that must not be done; nothing may have changed. */
export async function refused(store: Store, one: Write | Operation): Promise<Refusal> {
  const before = await store.readHead();
  const { outcomes, from, to } = await commit(store, 'type' in one ? write(one) : one);
  const [outcome] = outcomes;
  if (outcome === undefined || outcome.done) throw new Error('done, though it was to be refused');
  expect(to < from, 'no revision taken').to.equal(true);
  expect(await store.readHead()).to.deep.equal(before);
  return outcome.refusal;
}

export async function get(store: Store, key: string): Promise<Parameter | undefined> {
  const { parameters } = await store.read([key], { bytesMax: 1 << 30 });
  return parameters.get(key);
}

export async function wholeLog(store: Store, after: Revision = 0n): Promise<readonly LogEntry[]> {
  return (await store.readLog({ ...WHOLE, after })).entries;
}

/** All pages of a listing. */
export async function listAll(store: Store, range: Partial<ListRange> = {}): Promise<Parameter[]> {
  const found: Parameter[] = [];
  for (;;) {
    const page = await store.list({
      prefix: '',
      limit: 3,
      bytesMax: 1 << 30,
      keysOnly: false,
      after: found.at(-1)?.key,
      ...range,
    });
    found.push(...page.parameters);
    if (!page.more) return found;
    expect(page.parameters, 'a page with more behind it').to.not.be.empty;
  }
}

/** The same for parameters from any engine: bytes as text, no identity. */
export function plain(parameter: Parameter | null | undefined) {
  if (!parameter) return parameter;
  const { value: held, labels, ...others } = parameter;
  return {
    ...others,
    value: held && `${held.kind}:${Buffer.from(held.encoded).toString('latin1')}`,
    labels: [...labels].sort(),
  };
}

export function plainEntry({ revision, batchId, events }: LogEntry) {
  return {
    revision,
    batchId,
    events: events.map((event) => ({
      ...event,
      parameter: plain(event.parameter),
      previous: plain(event.previous),
    })),
  };
}

export async function failure(promise: Promise<unknown>): Promise<StoreError> {
  const answer = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(answer instanceof StoreError)) throw new Error(`no StoreError but ${String(answer)}`, { cause: answer });
  return answer;
}
