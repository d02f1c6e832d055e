import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration, type ReadSettings, type WriteSettings } from '../client/index.ts';

export type Output = 'text' | 'json';

export interface ReadOptions {
  readonly atLeastRevision?: bigint;
  readonly maxStaleness?: number;
  readonly linearizable?: boolean;
}

export interface WriteOptions {
  readonly ifRevision?: bigint;
  readonly requestId?: string;
  readonly validateOnly?: boolean;
}

/** -o, the same for all commands. */
export function withOutput(command: Command): Command {
  const output = new Option('-o, --output <format>', 'text, or canonical ProtoJSON, a line for each message');
  return command.addOption(output.choices(['text', 'json']).default('text'));
}

/** How fresh an answer must be. */
export function withReadOptions(command: Command): Command {
  return command
    .optionsGroup('Freshness (by default at most 500 ms old, or flagged while the store is unreachable):')
    .option('--max-staleness <duration>', 'fail rather than answer older than this', milliseconds)
    .option('--at-least-revision <revision>', 'fail rather than answer from before this revision', revision)
    .option('--linearizable', 'reflect every write acknowledged before, for a round trip to the store')
    .optionsGroup('Options:');
}

export function readSettings(options: ReadOptions): ReadSettings {
  return {
    maxStalenessMs: options.maxStaleness,
    atLeastRevision: options.atLeastRevision,
    linearizable: options.linearizable,
  };
}

export function withWriteOptions(command: Command, ifRevision: string): Command {
  return withRequestId(command.option('--if-revision <revision>', ifRevision, revision));
}

export function withRequestId(command: Command): Command {
  return command
    .option('--request-id <id>', 'of an earlier attempt: not done again within the hour (default: a new one)')
    .option('--validate-only', 'check everything and write nothing');
}

export function writeSettings({ requestId = randomUUID(), validateOnly }: Omit<WriteOptions, 'ifRevision'>) {
  return { requestId, validateOnly } satisfies WriteSettings;
}

/** "1.5s", "250ms", "1h30m" → milliseconds */
export function milliseconds(text: string): number {
  try {
    const ns = parseDuration(text);
    if (ns > 0n) return Number(ns) / 1e6;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  throw new InvalidArgumentError('It must be more than 0.');
}

export function revision(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError('A revision is a whole number.');
  return BigInt(text);
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

/** Collects "name=text", each once; the last one counts. */
export function label(text: string, labels: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('A label is written name=text.');
  return new Map([...labels, [text.slice(0, at), text.slice(at + 1)]]);
}

/** Collects "name=text" and "name". */
export function labelFilter(
  text: string,
  labels: ReadonlyMap<string, string | undefined> = new Map(),
): ReadonlyMap<string, string | undefined> {
  return new Map([...labels, ...(text.includes('=') ? label(text) : [[text, undefined] as const])]);
}

export function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
