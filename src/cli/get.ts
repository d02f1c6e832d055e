import type { Command } from 'commander';
import type { Duration } from '../../gen/google/protobuf/duration.ts';
import type { Freshness } from '../../gen/parameter/v1/freshness.ts';
import type { Parameter } from '../../gen/parameter/v1/parameter.ts';
import { BatchGetParametersResponse, GetParameterResponse } from '../../gen/parameter/v1/parameter_service.ts';
import { formatDuration, formatValue, type ParamdClient, type ReadSettings } from '../client/index.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { EXIT, Failure } from './failure.ts';
import { type Io, note, print, printValue } from './io.ts';
import { type Output, type ReadOptions, readSettings, withOutput, withReadOptions } from './options.ts';
import { protoJson } from './proto-json.ts';
import { kindName, paint, TIERS } from './render.ts';

interface GetOptions extends ConnectionOptions, ReadOptions {
  readonly output: Output;
  readonly raw?: boolean;
}

export function registerGet(program: Command, io: Io): void {
  const command = program
    .command('get')
    .summary('print the value of a parameter')
    .description('Prints the bare value of one parameter, or key=value lines of several, all as of one revision.')
    .argument('<key...>')
    .option('--raw', 'write one value as its bytes, with no line break behind it (bytes not in base64)');
  withConnection(withReadOptions(withOutput(command)))
    .addHelpText(
      'after',
      `
Integers are printed in full, durations as 1.500s, bytes in base64, lists as a JSON array, JSON as it was written.
A key that does not exist ends with exit code 3.

Examples:
  paramd get app:config:max_users
  paramd get app:config:max_users app:config:mode
  paramd get app:config:max_users --max-staleness 50ms
  paramd get app:logo --raw > logo.png
  paramd get app:config:max_users -o json | jq .freshness`,
    )
    .action((keys: string[], options: GetOptions) =>
      withClient(io, options, async (client, signal) => {
        const settings = { ...readSettings(options), signal };
        const [key = ''] = keys;
        if (keys.length === 1) await getOne(io, client, key, settings, options);
        else if (options.raw) throw new Failure(EXIT.usage, '--raw writes the value of one key');
        else await getSeveral(io, client, keys, settings, options);
      }),
    );
}

async function getOne(
  io: Io,
  client: ParamdClient,
  key: string,
  settings: ReadSettings,
  options: GetOptions,
): Promise<void> {
  const { parameter, freshness } = await client.get(key, settings);
  noteDegraded(io, freshness);
  if (parameter === undefined) throw new Failure(EXIT.notFound, `${key} does not exist`);
  if (options.raw) io.stdout.write(rawBytes(parameter));
  else if (options.output === 'text') await showValue(io, parameter, freshness);
  else await print(io, protoJson('GetParameterResponse', GetParameterResponse, { parameter, freshness }));
}

/** A person sees beside the value what it is worth. */
async function showValue(io: Io, parameter: Parameter, { stalenessBound, servedFrom }: Freshness): Promise<void> {
  await printValue(io, formatValue(parameter.value));
  if (io.stdout.isTTY !== true || io.stderr.isTTY !== true) return;
  const age = stalenessBound === undefined ? 'of unknown age' : `at most ${ageText(stalenessBound)} old`;
  const tier = TIERS[servedFrom] ?? 'unknown tier';
  const what = `${kindName(parameter)}, revision ${parameter.revision}, ${age}, from the ${tier}`;
  io.stderr.write(`${paint(io, 'dim', what, 'stderr')}\n`);
}

/** "157 ms", rounded up; the bound must stay one. */
function ageText(age: Duration): string {
  const ms = Number(age.seconds) * 1000 + Math.ceil(age.nanos / 1e6);
  return ms < 10_000 ? `${ms} ms` : `${Math.ceil(ms / 1000)} s`;
}

async function getSeveral(
  io: Io,
  client: ParamdClient,
  keys: readonly string[],
  settings: ReadSettings,
  options: GetOptions,
): Promise<void> {
  const response = await client.getMany(keys, settings);
  noteDegraded(io, response.freshness);
  if (options.output === 'json') {
    await print(io, protoJson('BatchGetParametersResponse', BatchGetParametersResponse, response));
  } else {
    for (const { key, value } of response.parameters) await printValue(io, `${key}=${formatValue(value)}`);
  }
  const missing = response.missingKeys;
  if (missing.length > 0) {
    throw new Failure(EXIT.notFound, `${missing.join(', ')} ${missing.length === 1 ? 'does' : 'do'} not exist`);
  }
}

/** An answer that is not what was promised says so, but not in the answer's place. */
export function noteDegraded(io: Io, freshness: Freshness | undefined): void {
  if (freshness?.degraded !== true) return;
  const age =
    freshness.stalenessBound === undefined ? 'of unknown age' : `up to ${formatDuration(freshness.stalenessBound)} old`;
  note(io, `the store cannot be reached: this is the best known answer, ${age}`);
}

function rawBytes({ value }: Parameter): Uint8Array | string {
  return value?.kind?.$case === 'bytesValue' ? value.kind.value : formatValue(value);
}
