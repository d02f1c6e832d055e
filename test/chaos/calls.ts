/** What the traffic's clients call: each function makes one call, records it, and gives what the client learns of it. */

import type { Freshness } from '../../gen/parameter/v1/freshness.ts';
import type { Parameter } from '../../gen/parameter/v1/parameter.ts';
import { msOfDuration } from '../../src/client/duration.ts';
import { ParamdRpcError } from '../../src/client/rpc-error.ts';
import { consistency, deleteOf, setOf, text } from '../e2e/rpc.ts';
import type { Found, ReadOutcome, ReadRecord, WriteOutcome, WriteRecord } from '../history/history.ts';
import { recordedValue } from './recorded-value.ts';
import { type Recorder, unwritten } from './recorder.ts';
import type { SiteReplica } from './site.ts';

/** Then the client gives up: more than paramd itself waits, so few enough calls are in flight. */
const CALL_MS_MAX = 4000;
/** Less than there are keys of a prefix, so that a listing has several pages. */
const PAGE_SIZE = 15;

export type Reading = Pick<
  ReadRecord,
  'method' | 'keys' | 'prefix' | 'maxStalenessMs' | 'atLeastRevision' | 'linearizable'
>;
export type Writing = Pick<WriteRecord, 'operations' | 'conditions' | 'requestId'>;

export async function read(
  recorder: Recorder,
  client: number,
  { name: replica, rpc }: Pick<SiteReplica, 'name' | 'rpc'>,
  reading: Reading,
  msMax = CALL_MS_MAX,
): Promise<ReadOutcome> {
  const callMs = recorder.nowMs();
  let outcome: ReadOutcome;
  let error: ParamdRpcError | undefined;
  try {
    outcome = await answered(rpc, reading, msMax);
  } catch (thrown) {
    error = rpcError(thrown);
    const { freshness } = error.details;
    const notFound = error.reason === 'PARAMETER_NOT_FOUND' && freshness !== undefined;
    outcome = notFound ? found(freshness, []) : { status: 'failed', reason: error.reason ?? error.status };
  }
  recorder.read({ type: 'read', client, replica, callMs, returnMs: recorder.nowMs(), ...reading, outcome }, error);
  return outcome;
}

async function answered(rpc: SiteReplica['rpc'], reading: Reading, msMax: number): Promise<ReadOutcome> {
  const asked = consistency(reading);
  const [key = ''] = reading.keys;
  if (reading.method === 'get') {
    const { freshness, parameter } = await rpc.get({ key, consistency: asked }, msMax);
    return found(freshness!, [parameter!]);
  }
  if (reading.method === 'batch') {
    const { freshness, parameters } = await rpc.getMany({ keys: [...reading.keys], consistency: asked }, msMax);
    return found(freshness!, parameters);
  }
  const prefix = reading.prefix!;
  const first = await rpc.list({ prefix, consistency: asked, pageSize: PAGE_SIZE }, msMax);
  const parameters = [...first.parameters];
  for (let pageToken = first.nextPageToken; pageToken !== ''; ) {
    const next = await rpc.list({ prefix, pageSize: PAGE_SIZE, pageToken }, msMax);
    parameters.push(...next.parameters);
    pageToken = next.nextPageToken;
  }
  return found(first.freshness!, parameters);
}

function found({ revision, degraded, stalenessBound }: Freshness, parameters: readonly Parameter[]): ReadOutcome {
  const boundMs = stalenessBound && msOfDuration(stalenessBound);
  return {
    status: 'ok',
    revision,
    degraded,
    boundMs,
    found: new Map(parameters.map((each) => [each.key, seen(each)])),
  };
}

function seen(parameter: Parameter): Found {
  const { revision, createRevision, version } = parameter;
  return { value: recordedValue(parameter.key, parameter.value), revision, createRevision, version };
}

export async function write(
  recorder: Recorder,
  client: number,
  { name: replica, rpc }: Pick<SiteReplica, 'name' | 'rpc'>,
  writing: Writing,
  msMax = CALL_MS_MAX,
): Promise<{ readonly outcome: WriteOutcome; readonly retryAfterMs: number | undefined }> {
  const callMs = recorder.nowMs();
  let outcome: WriteOutcome;
  let error: ParamdRpcError | undefined;
  try {
    outcome = { status: 'ok', revision: await acknowledged(rpc, writing, msMax) };
  } catch (thrown) {
    error = rpcError(thrown);
    outcome = unwritten(error);
  }
  recorder.write({ type: 'write', client, replica, callMs, returnMs: recorder.nowMs(), ...writing, outcome }, error);
  const wayBroke = error !== undefined && error.reason === undefined ? 0 : undefined;
  return { outcome, retryAfterMs: error?.retryAfterMs ?? wayBroke };
}

/** One operation goes by the call of its own; a deletion of what may be missing only by a commit. */
async function acknowledged(rpc: SiteReplica['rpc'], writing: Writing, msMax: number): Promise<bigint> {
  const { operations, conditions, requestId } = writing;
  const [only] = operations;
  const ifRevision = conditions[0]?.revision;
  const alone = operations.length === 1 && conditions.every(({ key }) => key === only!.key);
  if (alone && only!.type === 'set') {
    const { parameter } = await rpc.set({ key: only!.key, value: text(only!.value), ifRevision, requestId }, msMax);
    return parameter!.revision;
  }
  if (alone && ifRevision !== 0n) {
    return (await rpc.delete({ key: only!.key, ifRevision, requestId }, msMax)).revision;
  }
  const request = {
    operations: operations.map((each) =>
      each.type === 'set' ? setOf(each.key, text(each.value)) : deleteOf(each.key, true),
    ),
    conditions: conditions.map(({ key, revision }) => ({ key, ifRevision: revision })),
    requestId,
  };
  return (await rpc.commit(request, msMax)).revision;
}

function rpcError(thrown: unknown): ParamdRpcError {
  if (thrown instanceof ParamdRpcError) return thrown;
  throw thrown;
}
