import { status } from '@grpc/grpc-js';
import { type Command, Option } from 'commander';
import type { Parameter, Value } from '../../gen/parameter/v1/parameter.ts';
import { SetParameterResponse } from '../../gen/parameter/v1/parameter_service.ts';
import { KINDS, type Kind, kindNamed, type ParamdClient, ParamdRpcError, type SetSettings } from '../client/index.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { EXIT, Failure, repeatable } from './failure.ts';
import { type Io, print } from './io.ts';
import {
  collected,
  label,
  milliseconds,
  type Output,
  type WriteOptions,
  withOutput,
  withWriteOptions,
  writeSettings,
} from './options.ts';
import { protoJson } from './proto-json.ts';
import { kindName, preview } from './render.ts';
import { fittingValue, readValueSource, type ValueSource, valueAs } from './value-source.ts';
import { visible } from './visible.ts';

interface SetOptions extends ConnectionOptions, WriteOptions {
  readonly output: Output;
  readonly kind?: Kind;
  readonly allowKindChange?: boolean;
  readonly file?: string;
  readonly ttl?: number;
  readonly label?: ReadonlyMap<string, string>;
  readonly removeLabel?: readonly string[];
}

export function registerSet(program: Command, io: Io): void {
  const command = program
    .command('set')
    .summary('create or change a parameter')
    .description('Creates a parameter, or changes of it what is given: value, labels, cache TTL.')
    .argument('<key>')
    .argument('[value]', 'the value; - reads it from stdin')
    .option('--file <path>', 'read the value from a file')
    .addOption(new Option('--kind <kind>', 'kind of the value (default: see below)').choices(KINDS))
    .option('--allow-kind-change', 'with --kind: also where the parameter is of another kind; its readers must know')
    .option('--ttl <duration>', 'how long a cache may keep it before it asks the store, 1s to 30d', milliseconds)
    .option('--label <name=text>', 'add or replace a label; repeatable', label)
    .option('--remove-label <name>', 'remove a label, * removes all; repeatable', collected);
  withConnection(withOutput(withWriteOptions(command, 'only if it is at this revision; 0: only if it does not exist')))
    .addHelpText(
      'after',
      `
Without --kind the kind is that of the existing parameter. A new one becomes an int if VALUE is a canonical integer
within 64 bits (7, -1, not 007), a bool if it is true or false, else a string. Durations are written 1.5s, 250ms or
1h30m, lists as a JSON array of strings, bytes in base64. From stdin or a file bytes are taken as they are, and of
all other kinds one line break at the end is dropped.

Examples:
  paramd set app:config:max_users 100
  paramd set app:config:mode fast --if-revision 0
  paramd set app:config:timeout 1.5s --kind duration --label team=checkout
  paramd set app:config:hosts '["a","b"]' --kind list
  paramd set app:logo --kind bytes --file logo.png
  echo '{"a":1}' | paramd set app:config:rules - --kind json
  paramd set app:config:max_users --label owner=ada     (the value stays)
  paramd set app:config:note -- --starts-with-dashes`,
    )
    .action((key: string, argument: string | undefined, options: SetOptions) =>
      withClient(io, options, async (client, signal) => {
        if (options.allowKindChange && options.kind === undefined) {
          throw new Failure(EXIT.usage, '--allow-kind-change needs --kind, to say which one it becomes');
        }
        const source = await readValueSource(io, argument, options.file, signal);
        if (source === undefined && [options.ttl, options.label, options.removeLabel].every((o) => o === undefined)) {
          throw new Failure(EXIT.usage, 'give VALUE, --file, --ttl, --label or --remove-label; see paramd set --help');
        }
        const settings = { ...settingsOf(options), signal };
        const parameter = await set(client, key, source, options.kind, settings);
        await print(io, options.output === 'json' ? json(parameter) : text(parameter, options));
      }),
    );
}

/**
 * The kind of the existing parameter is read first, and read again once if somebody changed it in between; the server
 * has the last word on it in any case.
 */
async function set(
  client: ParamdClient,
  key: string,
  source: ValueSource | undefined,
  kind: Kind | undefined,
  settings: SetSettings & { readonly requestId: string },
): Promise<Parameter> {
  const write = (value?: Value) => repeatable(settings.requestId, client.set(key, value, settings));
  if (source === undefined) return write();
  if (kind !== undefined) {
    return write(typed(source, kind)).catch((error: unknown) => {
      throw isKindMismatch(error) ? otherKind(key, error, kind) : error;
    });
  }
  const { signal } = settings;
  const value = fittingValue(key, source, (await client.get(key, { signal })).parameter);
  try {
    return await write(value);
  } catch (error) {
    if (!isKindMismatch(error)) throw error;
    const { parameter } = await client.get(key, { signal, linearizable: true });
    return await write(fittingValue(key, source, parameter));
  }
}

function typed(source: ValueSource, kind: Kind): Value {
  try {
    return valueAs(source, kind);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(EXIT.usage, (error as Error).message, { cause: error });
  }
}

function isKindMismatch(error: unknown): error is ParamdRpcError {
  return (
    error instanceof ParamdRpcError && error.code === status.FAILED_PRECONDITION && error.reason === 'KIND_MISMATCH'
  );
}

function otherKind(key: string, error: ParamdRpcError, kind: Kind): Failure {
  const current = error.metadata.get('currentKind') ?? '';
  const line = `${key} is of kind ${kindNamed(current) ?? current}, not ${kind}; --allow-kind-change replaces it, and its readers must know`;
  return new Failure(EXIT.condition, line, { cause: error });
}

function settingsOf(options: SetOptions) {
  return {
    ...writeSettings(options),
    ifRevision: options.ifRevision,
    cacheTtlMs: options.ttl,
    labels: options.label,
    removeLabels: options.removeLabel,
    allowKindChange: options.allowKindChange,
  } satisfies SetSettings;
}

function json(parameter: Parameter): string {
  return protoJson('SetParameterResponse', SetParameterResponse, { parameter });
}

function text(parameter: Parameter, options: SetOptions): string {
  const what = `${visible(parameter.key)} = ${preview(parameter.value)} (${kindName(parameter)})`;
  return options.validateOnly
    ? `${what} would be set; nothing is written`
    : `${what} at revision ${parameter.revision}`;
}
