import { InvalidArgumentError } from 'commander';
import type { CommitOperation, ParamdClient } from '../../client/index.ts';
import { revision } from '../options.ts';
import { fittingValue } from '../value-source.ts';

export interface Assignment {
  readonly key: string;
  readonly text: string;
}

export interface Condition {
  readonly key: string;
  readonly ifRevision: bigint;
}

/** Collects "key=value". */
export function assignment(text: string, before: readonly Assignment[] = []): readonly Assignment[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is written key=value.');
  return [...before, { key: text.slice(0, at), text: text.slice(at + 1) }];
}

/** Collects "key@revision". */
export function condition(text: string, before: readonly Condition[] = []): readonly Condition[] {
  const at = text.lastIndexOf('@');
  if (at < 1) throw new InvalidArgumentError('It is written key@revision.');
  return [...before, { key: text.slice(0, at), ifRevision: revision(text.slice(at + 1)) }];
}

interface Flags {
  readonly set?: readonly Assignment[];
  readonly delete?: readonly string[];
  readonly allowMissing?: boolean;
}

/** Each value in the kind that its parameter has; what has none yet gets one as `set` gives it. */
export async function operationsOf(
  client: ParamdClient,
  { set = [], delete: deleted = [], allowMissing }: Flags,
  signal: AbortSignal,
): Promise<readonly CommitOperation[]> {
  const keys = set.map(({ key }) => key);
  const { parameters } = await client.getMany(keys, { linearizable: true, signal });
  const present = new Map(parameters.map((parameter) => [parameter.key, parameter]));
  return [
    ...set.map(({ key, text }) => ({ set: key, value: fittingValue(key, { text }, present.get(key)) })),
    ...deleted.map((key) => ({ delete: key, allowMissing })),
  ];
}
