import type { Consistency, ListedPage, ListRequest } from '../../src/core/api.ts';
import type { Freshness } from '../../src/model/errors.ts';
import { parameterCodec } from '../../src/rpc/parameter-codec.ts';
import { textOfParameter } from '../core/cluster.ts';
import type { Found, ReadOutcome, ReadRecord } from '../history/history.ts';
import { type Answered, callPlace } from './call-place.ts';
import { writtenValue } from './chronicle.ts';
import { anyPlace, type Client, foresee, KEYS, moveOn, saw } from './client.ts';
import { RATE_ERROR_MAX } from './fleet.ts';

interface Seen {
  readonly encoded: readonly Uint8Array[];
  readonly freshness: Freshness;
}

type Asked = Pick<ReadRecord, 'method' | 'keys' | 'prefix' | 'maxStalenessMs' | 'atLeastRevision' | 'linearizable'>;

const DEADLINES_MS = [150, 700, 1500];
const FORESEEN = ['CONSISTENCY_NOT_MET', 'REVISION_LOST'];
const MAX_STALENESSES_MS = [0, 30, 200, 2000];
const PAGE_PARAMETERS = 2;

export async function getOnce(client: Client): Promise<void> {
  const key = client.fleet.chance.pick(KEYS);
  const consistency = anyConsistency(client);
  const read = await call(client, `get ${key}`, async (core, made) => {
    const { parameter, freshness } = await core.get(key, consistency, made);
    return { encoded: parameter === null ? [] : [parameter], freshness };
  });
  record(client, { method: 'get', keys: [key], ...consistency }, read, FORESEEN);
}

export async function batchOnce(client: Client): Promise<void> {
  const { chance } = client.fleet;
  const keys = [...new Set([...KEYS, 'never'])].filter(() => chance.of(0.6));
  if (keys.length === 0) keys.push('a');
  const consistency = anyConsistency(client);
  const read = await call(client, `get ${keys.join(' ')}`, async (core, made) => {
    const { parameters, freshness } = await core.getMany(keys, consistency, made);
    return { encoded: parameters, freshness };
  });
  record(client, { method: 'batch', keys, ...consistency }, read, FORESEEN);
}

/** Page by page, each from any replica: all of one state. */
export async function listOnce(client: Client): Promise<void> {
  const { fleet } = client;
  const prefix = fleet.chance.pick(['', 'a', 'a:']);
  const consistency = { ...anyConsistency(client), maxStalenessMs: undefined };
  const asked = { method: 'list', keys: [], prefix, ...consistency } as const;
  const encoded: Uint8Array[] = [];
  let cursor: ListRequest['cursor'];
  let first: Answered<ListedPage> | undefined;
  do {
    const request = { prefix, consistency, limit: PAGE_PARAMETERS, keysOnly: false, cursor };
    const page = await call(client, `list "${prefix}"${cursor === undefined ? '' : ' on'}`, (core, made) =>
      core.list(request, made),
    );
    const { answer } = page;
    if (answer.status !== 'ok') {
      record(client, asked, { ...page, callMs: (first ?? page).callMs, answer }, [...FORESEEN, 'REVISION_COMPACTED']);
      return;
    }
    first ??= page;
    encoded.push(...answer.value.parameters);
    cursor = answer.value.next;
  } while (cursor !== undefined);
  const { answer } = first;
  if (answer.status !== 'ok') return;
  const returnMs = fleet.world.monotonicMs();
  record(
    client,
    asked,
    { ...first, returnMs, answer: { status: 'ok', value: { encoded, freshness: answer.value.freshness } } },
    [],
  );
}

function call<T>(client: Client, what: string, run: Parameters<typeof callPlace<T>>[3]): Promise<Answered<T>> {
  const { fleet } = client;
  const place = anyPlace(client);
  fleet.trace.tell(client.name, () => `> ${place.name} ${what}`);
  return callPlace(fleet, place, { name: what, deadlineMs: fleet.chance.pick(DEADLINES_MS), source: client.name }, run);
}

function anyConsistency({ fleet, seen }: Client): Consistency {
  const { chance } = fleet;
  const carried = chance.of(0.4) ? seen : undefined;
  const linearizable = chance.of(0.15);
  const maxStalenessMs = chance.of(0.2) ? chance.pick(MAX_STALENESSES_MS) : undefined;
  return { linearizable, maxStalenessMs, atLeastRevision: carried };
}

function record(client: Client, asked: Asked, answered: Answered<Seen>, foreseen: readonly string[]): void {
  const { fleet, recorder } = client;
  const { replica, callMs, returnMs, answer } = answered;
  const outcome = outcomeOf(client, answered);
  recorder.operations.push({ client: client.id, replica, callMs, returnMs, type: 'read', ...asked, outcome });
  fleet.trace.tell(client.name, () => `< ${replica} ${describe(client, asked, outcome)}`);
  if (outcome.status === 'failed') {
    foresee(client, asked.method, outcome.reason, foreseen);
    if (outcome.reason === 'REVISION_LOST') client.seen = 0n;
    moveOn(client);
    return;
  }
  if (answer.status === 'ok') saw(client, answer.value.freshness.revision);
  for (const key of asked.keys) client.known.set(key, outcome.found.get(key)?.revision ?? 0n);
  checkMoment(client, asked, answered, outcome);
}

function outcomeOf({ fleet }: Client, { answer }: Answered<Seen>): ReadOutcome {
  if (answer.status !== 'ok') return { status: 'failed', reason: answer.reason };
  const { encoded, freshness } = answer.value;
  const found = new Map<string, Found>();
  for (const bytes of encoded) {
    const parameter = parameterCodec.decode(bytes);
    const { key, revision, createRevision, version } = parameter;
    const value = writtenValue(parameter);
    found.set(key, { value, revision, createRevision, version });
    const text = textOfParameter(parameter);
    if (text === fleet.chronicle.textOf(key, value)) continue;
    fleet.defect(
      'C5',
      'wrong text',
      `${key} of write ${value} was answered as "${text}", not "${fleet.chronicle.textOf(key, value)}"`,
    );
  }
  const { revision, degraded, stalenessBoundMs } = freshness;
  return { status: 'ok', revision, degraded, boundMs: stalenessBoundMs, found };
}

/** C5 to the moment: here it is known when each change was committed, whoever saw it. */
function checkMoment(
  client: Client,
  asked: Asked,
  { callMs, returnMs, replica }: Answered<Seen>,
  outcome: Extract<ReadOutcome, { status: 'ok' }>,
): void {
  const { fleet } = client;
  const { method, keys, prefix = '', linearizable } = asked;
  const concerns = (key: string) => (method === 'list' ? key.startsWith(prefix) : keys.includes(key));
  const untilMs = fleet.chronicle.currentUntilMs(concerns, outcome.revision);
  if (untilMs >= returnMs) return;
  const tell = (kind: string, ms: number) => {
    const bound = `allowed were ${ms.toFixed(3)} ms`;
    const was = `until ${(returnMs - untilMs).toFixed(3)} ms before the answer, ${(returnMs - callMs).toFixed(3)} ms after the call`;
    fleet.defect('C5', kind, `${client.name} at ${replica}: ${describe(client, asked, outcome)}; ${was}, ${bound}`);
  };
  // A list is read from the store, after the call.
  const isFresh = linearizable || method === 'list';
  const allowedMs = isFresh ? 0 : (asked.maxStalenessMs ?? fleet.limits.stalenessMs);
  if (!outcome.degraded && untilMs < callMs - slack(allowedMs)) tell('stale read by the clock', allowedMs);
  const { boundMs } = outcome;
  // It was put together in the moment in which it came: nothing is on its way. Of a list, the first page was.
  if (method !== 'list' && boundMs !== undefined && untilMs < returnMs - slack(boundMs))
    tell('bound too low by the clock', boundMs);
}

/** Rates of clocks differ. */
function slack(ms: number): number {
  return ms * (1 + 2 * RATE_ERROR_MAX) + 0.01;
}

function describe({ fleet }: Client, { method, keys, prefix, ...consistency }: Asked, outcome: ReadOutcome): string {
  const { linearizable, maxStalenessMs, atLeastRevision } = consistency;
  const short = (revision: bigint) => fleet.chronicle.short(revision);
  const what = method === 'list' ? `list "${prefix}"` : `get ${keys.join(' ')}`;
  const how = [
    linearizable ? 'linearizable' : '',
    maxStalenessMs === undefined ? '' : `max ${maxStalenessMs} ms`,
    atLeastRevision === undefined ? '' : `at least ${short(atLeastRevision)}`,
  ].filter((word) => word !== '');
  const asked = how.length === 0 ? what : `${what} (${how.join(', ')})`;
  if (outcome.status === 'failed') return `${asked} failed: ${outcome.reason}`;
  const values = [...outcome.found].map(([key, { value, revision }]) => `${key}=${value}@${short(revision)}`);
  const bound = outcome.boundMs === undefined ? '' : `, ${outcome.boundMs.toFixed(1)} ms`;
  const found = values.length === 0 ? 'nothing' : values.join(' ');
  return `${asked} at ${short(outcome.revision)}${bound}${outcome.degraded ? ', degraded' : ''}: ${found}`;
}
