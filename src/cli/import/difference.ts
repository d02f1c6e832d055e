import type { Duration } from '../../../gen/google/protobuf/duration.ts';
import { type Parameter, Value } from '../../../gen/parameter/v1/parameter.ts';
import { type CommitOperation, formatDuration, kindOf } from '../../client/index.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { paint, preview } from '../render.ts';
import { visible } from '../visible.ts';
import type { ParameterLine } from './parameter-line.ts';

/** What the file has otherwise than the server. */
export interface Difference {
  readonly line: ParameterLine;
  readonly current: Parameter | undefined;
  readonly value: boolean;
  readonly labels: boolean;
  readonly cacheTtl: boolean;
}

/** @returns undefined if there is none */
export function differenceOf(line: ParameterLine, current: Parameter | undefined): Difference | undefined {
  const value = current?.value === undefined || !sameValue(line.value, current.value);
  const labels = !sameLabels(line.labels, current?.labels ?? new Map());
  const cacheTtl = line.cacheTtl !== undefined && !sameDuration(line.cacheTtl, current?.cacheTtl);
  return value || labels || cacheTtl ? { line, current, value, labels, cacheTtl } : undefined;
}

/** @throws Failure if the kind differs and may not */
export function checkKind({ line, current, value }: Difference, allowKindChange: boolean): void {
  if (!value || current === undefined || allowKindChange) return;
  const [present, wanted] = [current.value, line.value].map(kindOf);
  if (present === wanted) return;
  const way = '--allow-kind-change replaces it, and its readers must know';
  throw new Failure(
    EXIT.condition,
    `line ${line.number}: ${line.key} is of kind ${present}, not ${wanted} as in the file; ${way}`,
  );
}

/** Sets what differs, so that the parameter is as in the file. */
export function operationOf(difference: Difference, allowKindChange: boolean): CommitOperation {
  const { line, current, value, labels, cacheTtl } = difference;
  return {
    set: line.key,
    value: value ? line.value : undefined,
    labels: labels ? line.labels : undefined,
    removeLabels: labels && current !== undefined && current.labels.size > 0 ? ['*'] : undefined,
    cacheTtlMs: cacheTtl && line.cacheTtl ? millisecondsOf(line.cacheTtl) : undefined,
    allowKindChange,
  };
}

/** "~ app:a: 1 → 2, labels +team=x" */
export function differenceText(io: Io, { line, current, value, labels, cacheTtl }: Difference): string {
  if (current === undefined) return paint(io, 'green', `+ ${visible(line.key)} = ${preview(line.value)}`);
  const parts = [
    value ? `${preview(current.value)} → ${preview(line.value)}` : undefined,
    labels ? `labels ${labelChanges(current.labels, line.labels)}` : undefined,
    cacheTtl ? `ttl ${durationText(current.cacheTtl)} → ${durationText(line.cacheTtl)}` : undefined,
  ];
  return paint(io, 'yellow', `~ ${visible(line.key)}: ${parts.filter((part) => part !== undefined).join(', ')}`);
}

function sameValue(one: Value, other: Value): boolean {
  return Buffer.compare(Value.encode(one).finish(), Value.encode(other).finish()) === 0;
}

function sameLabels(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, text]) => other.get(name) === text);
}

function sameDuration(one: Duration, other: Duration | undefined): boolean {
  return one.seconds === other?.seconds && one.nanos === other.nanos;
}

function millisecondsOf({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}

function labelChanges(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string {
  const removed = [...before.keys()].filter((name) => !after.has(name)).map((name) => `-${name}`);
  const set = [...after].filter(([name, text]) => before.get(name) !== text).map(([name, text]) => `+${name}=${text}`);
  return visible([...removed, ...set].join(' '));
}

function durationText(duration: Duration | undefined): string {
  return duration === undefined ? 'none' : formatDuration(duration);
}
