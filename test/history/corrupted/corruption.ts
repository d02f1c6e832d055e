import type { Demands } from '../demands.ts';
import type { History } from '../history.ts';
import type { Kind } from '../kinds.ts';

/** What is done to a history that was right, and what the checker must call it. */
export interface Corruption {
  readonly name: string;
  readonly kind: Kind;
  readonly demands?: Demands;
  corrupt(history: CorruptHistory): void;
}

type Writable<T> = T extends string | number | bigint | boolean | undefined
  ? T
  : T extends ReadonlyMap<infer Key, infer Value>
    ? Map<Key, Writable<Value>>
    : T extends readonly (infer Element)[]
      ? Writable<Element>[]
      : { -readonly [Name in keyof T]: Writable<T[Name]> };

export type CorruptHistory = Writable<History>;
export type CorruptRead = Extract<CorruptHistory['operations'][number], { type: 'read' }>;
export type CorruptWrite = Extract<CorruptHistory['operations'][number], { type: 'write' }>;
export type CorruptAnswer = Extract<CorruptRead['outcome'], { status: 'ok' }>;
export type CorruptWatch = CorruptHistory['watches'][number];
export type CorruptEra = CorruptHistory['truth']['eras'][number];
export type CorruptEntry = CorruptEra['entries'][number];

/** Nothing is shared with the original, nor within the copy. */
export function copyOf(history: History): CorruptHistory {
  return copy(history) as CorruptHistory;
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Map) return new Map([...value].map(([key, held]) => [key, copy(held)]));
  if (Array.isArray(value)) return value.map(copy);
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, copy(held)]));
}

/** @throws if there is none: then the corruption would show nothing */
export function some<T>(candidates: readonly T[], what: string): T {
  const chosen = candidates[Math.floor(candidates.length / 2)];
  if (chosen === undefined) throw new Error(`the history has no ${what}`);
  return chosen;
}

export function lastEra({ truth }: CorruptHistory): CorruptEra {
  return truth.eras.at(-1)!;
}

/** Reads that were answered, with their answers. */
export function answers(history: CorruptHistory): { read: CorruptRead; answer: CorruptAnswer }[] {
  return history.operations.flatMap((operation) =>
    operation.type === 'read' && operation.outcome.status === 'ok'
      ? [{ read: operation, answer: operation.outcome }]
      : [],
  );
}

/** Acknowledged by the last era, behind its first revision. */
export function acknowledgedWrites(history: CorruptHistory): { write: CorruptWrite; revision: bigint }[] {
  const { startRevision } = lastEra(history);
  return history.operations.flatMap((operation) => {
    if (operation.type !== 'write' || operation.outcome.status !== 'ok') return [];
    const { revision } = operation.outcome;
    return revision > startRevision ? [{ write: operation, revision }] : [];
  });
}

/** Single ones without a request id. */
export function acknowledgedSets(history: CorruptHistory): { write: CorruptWrite; revision: bigint }[] {
  return acknowledgedWrites(history).filter(({ write: { requestId, operations } }) => {
    return requestId === '' && operations.length === 1 && operations[0]!.type === 'set';
  });
}

export function endOf({ operations }: CorruptHistory): number {
  return operations.reduce((last, { returnMs }) => Math.max(last, returnMs), 0);
}
