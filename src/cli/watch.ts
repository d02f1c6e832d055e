import type { Command } from 'commander';
import { type Event, Event_Type, type Parameter } from '../../gen/parameter/v1/parameter.ts';
import { WatchResponse_Kind as Kind, WatchResponse } from '../../gen/parameter/v1/parameter_service.ts';
import type { ParamdClient, WatchItem, WatchSelection } from '../client/index.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { type Io, note, print } from './io.ts';
import { collected, type Output, revision, withOutput } from './options.ts';
import { protoJson } from './proto-json.ts';
import { paint, preview, timeOfDay } from './render.ts';
import { visible } from './visible.ts';

interface WatchOptions extends ConnectionOptions {
  readonly output: Output;
  readonly key?: readonly string[];
  readonly fromRevision?: bigint;
  readonly initial?: boolean;
  readonly previous?: boolean;
}

export function registerWatch(program: Command, io: Io): void {
  const command = program
    .command('watch')
    .summary('print changes as they happen')
    .description('Prints every change under the prefixes, in order, none twice, until Ctrl-C.')
    .argument('[prefix...]', 'prefixes of keys; none and no --key: everything')
    .option('--key <key>', 'watch exactly this key; repeatable', collected)
    .option('--from-revision <revision>', 'begin with the changes of this revision', revision)
    .option('--initial', 'print the present state first; and again, if the changes since the last one are gone')
    .option('--previous', 'print what was there before, too');
  withConnection(withOutput(command))
    .addHelpText(
      'after',
      `
An argument is always a prefix: app:config: is a namespace, and app:config:max also matches app:config:max_users.
A broken connection is taken up where it broke, with a note on stderr. Times are the store's, in the local time zone.

Examples:
  paramd watch app:config:
  paramd watch --key app:config:max_users --initial
  paramd watch app: --from-revision 12 --previous
  paramd watch app: -o json | jq -c '.events[]?'`,
    )
    .action((prefixes: string[], options: WatchOptions) =>
      withClient(io, options, async (client, interrupted) => {
        const selection = { keys: options.key ?? [], prefixes: prefixesOf(prefixes, options) };
        try {
          await follow(io, client, selection, interrupted, options);
        } catch (error) {
          if (!interrupted.aborted) throw error;
        }
      }),
    );
}

/** No argument at all is everything. */
function prefixesOf(prefixes: readonly string[], { key }: WatchOptions): readonly string[] {
  return prefixes.length === 0 && key === undefined ? [''] : prefixes;
}

/** Prints until it is interrupted. What broke is taken up again, but a watch that never began ends with its error. */
async function follow(
  io: Io,
  client: ParamdClient,
  selection: WatchSelection,
  interrupted: AbortSignal,
  { fromRevision, initial, previous, output }: WatchOptions,
): Promise<void> {
  const neverBegan = new AbortController();
  const signal = AbortSignal.any([interrupted, neverBegan.signal]);
  const link: { state: 'connecting' | 'watching' | 'broken' } = { state: 'connecting' };
  const onBroken = (error: Error) => {
    if (link.state === 'connecting') return neverBegan.abort(error);
    if (link.state === 'watching') note(io, `the watch broke (${error.message}); trying to go on where it was`);
    link.state = 'broken';
  };
  for await (const item of client.watch(selection, { fromRevision, initial, previous, signal, onBroken })) {
    if (link.state === 'broken') note(io, 'watching again');
    if (link.state === 'connecting' && item.kind === 'progress')
      note(io, `watching from revision ${item.revision + 1n}`);
    link.state = 'watching';
    for (const line of output === 'json' ? jsonLines(item) : textLines(io, item)) await print(io, line);
  }
}

function textLines(io: Io, item: WatchItem): string[] {
  if (item.kind === 'changes') return item.events.map((event) => eventLine(io, event));
  if (item.kind === 'progress') return [];
  note(io, `${item.parameters.length} parameters as of revision ${item.revision}`);
  return item.parameters.map((parameter) => `${head(io, 'dim', 'initial', parameter)} = ${tail(parameter)}`);
}

function eventLine(io: Io, { type, parameter, previous }: Event): string {
  if (parameter === undefined) return '';
  const was = previous === undefined ? '' : ` (was ${preview(previous.value)})`;
  if (type === Event_Type.TYPE_PUT) return `${head(io, 'green', 'put', parameter)} = ${tail(parameter, was)}`;
  return `${head(io, 'red', 'delete', parameter)}${was}  (revision ${parameter.revision})`;
}

function head(io: Io, style: 'dim' | 'green' | 'red', word: string, { key, updateTime }: Parameter): string {
  return `${timeOfDay(updateTime)}  ${paint(io, style, word)}  ${visible(key)}`;
}

function tail(parameter: Parameter, was = ''): string {
  return `${preview(parameter.value)}${was}  (revision ${parameter.revision})`;
}

/** As the server would send it; parameters of a snapshot one by one. */
function jsonLines(item: WatchItem): string[] {
  return responsesOf(item).map((response) => protoJson('WatchResponse', WatchResponse, response));
}

function responsesOf(item: WatchItem): WatchResponse[] {
  const { kind, revision } = item;
  if (kind === 'changes') return [{ events: [...item.events], revision, kind: Kind.KIND_CHANGES }];
  if (kind === 'progress') return [{ events: [], revision, kind: Kind.KIND_PROGRESS }];
  const initial = item.parameters.map((parameter): WatchResponse => {
    const event = { parameter, previous: undefined, type: Event_Type.TYPE_PUT, revision: parameter.revision };
    return { events: [event], revision: 0n, kind: Kind.KIND_INITIAL };
  });
  return [...initial, { events: [], revision, kind: Kind.KIND_INITIAL_COMPLETE }];
}
