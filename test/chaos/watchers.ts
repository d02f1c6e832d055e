import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientReadableStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { Event_Type, type Parameter } from '../../gen/parameter/v1/parameter.ts';
import {
  WatchResponse_Kind as Kind,
  WatchRequest,
  type WatchResponse,
} from '../../gen/parameter/v1/parameter_service.ts';
import { durationOfMs } from '../../src/client/duration.ts';
import { type ParamdRpcError, toRpcError } from '../../src/client/rpc-error.ts';
import type { WatchedEvent, WatchRecord, WatchResponseRecord } from '../history/history.ts';
import { recordedValue } from './recorded-value.ts';
import type { RecordedWatch, Recorder } from './recorder.ts';
import type { SiteReplica } from './site.ts';

const PROGRESS_MS = 250;
/** While the head moves there is progress all the time, so a watch that is silent for so long has lost its way. */
const SILENCE_MS_MAX = 4000;
const GONE: readonly string[] = ['REVISION_LOST', 'REVISION_COMPACTED'];
const BACKOFF_MS = { least: 50, most: 1000 };

/** What it watches for as long as it lives, over all its calls. */
export type Watched = Pick<WatchRecord, 'keys' | 'prefixes' | 'sendInitial' | 'includePrevious'>;

export interface Watcher {
  /** Nothing up to it is still to come. */
  readonly revision: bigint;
  readonly open: boolean;
  /** @param settled it had all the time that it needed */
  stop(settled: boolean): Promise<void>;
}

/**
 * Calls Watch again behind what came whenever it ends: on the replica that it began with, and if that does not answer on
 * the next one, as a client with several addresses does.
 */
export function startWatcher(
  recorder: Recorder,
  client: number,
  replicas: readonly SiteReplica[],
  home: number,
  watched: Watched,
): Watcher {
  let revision = 0n;
  let attempts = 0;
  let stopped = false;
  const stopping = Promise.withResolvers<void>();
  let current: RecordedWatch | undefined;
  let stream: ClientReadableStream<WatchResponse> | undefined;

  async function call(): Promise<ParamdRpcError | undefined> {
    const replica = replicas[(home + attempts) % replicas.length]!;
    const startRevision = revision === 0n ? 0n : revision + 1n;
    const watch = recorder.watch({ client, replica: replica.name, ...watched, startRevision });
    current = watch;
    const request = { ...watched, startRevision, progressInterval: durationOfMs(PROGRESS_MS) };
    stream = replica.rpc.parameters.watch(WatchRequest.fromPartial(request as never), new Metadata());
    let heardMs = recorder.nowMs();
    const silence = setInterval(() => {
      if (recorder.nowMs() - heardMs > SILENCE_MS_MAX) stream!.cancel();
    }, SILENCE_MS_MAX / 8);
    stream.on('data', (response: WatchResponse) => {
      heardMs = recorder.nowMs();
      attempts = 0;
      watch.responses.push(recorded(response, heardMs));
      if (response.revision > revision) revision = response.revision;
    });
    const error = await new Promise<ParamdRpcError | undefined>((resolve) => {
      stream!.once('error', (thrown: ServiceError) => {
        resolve(thrown.code === status.CANCELLED ? undefined : (toRpcError(thrown) as ParamdRpcError));
      });
    });
    clearInterval(silence);
    watch.endMs = recorder.nowMs();
    watch.endedBy = error === undefined ? undefined : (error.reason ?? error.status);
    current = undefined;
    return error;
  }

  async function run(): Promise<void> {
    while (!stopped) {
      const error = await call();
      // With send_initial the next call gets a snapshot for what is gone.
      if (!watched.sendInitial && GONE.includes(error?.reason ?? '')) revision = 0n;
      attempts++;
      const most = Math.min(BACKOFF_MS.most, BACKOFF_MS.least * 2 ** Math.min(attempts, 10));
      if (!stopped) await Promise.race([sleep(most * (0.5 + Math.random() / 2)), stopping.promise]);
    }
  }

  const running = run();
  return {
    get revision() {
      return revision;
    },
    get open() {
      return current !== undefined;
    },
    stop: (settled) => {
      if (current !== undefined) current.settled = settled;
      stopped = true;
      stopping.resolve();
      stream?.cancel();
      return running;
    },
  };
}

const KINDS: Readonly<Record<number, WatchResponseRecord['kind']>> = {
  [Kind.KIND_INITIAL]: 'initial',
  [Kind.KIND_INITIAL_COMPLETE]: 'initial-complete',
  [Kind.KIND_CHANGES]: 'changes',
  [Kind.KIND_PROGRESS]: 'progress',
};

function recorded({ kind, revision, events }: WatchResponse, atMs: number): WatchResponseRecord {
  const known = KINDS[kind];
  if (known === undefined) throw new Error(`a watch sent a response of kind ${kind}`);
  const told = events.map(
    ({ parameter, previous, type, revision: at }): WatchedEvent => ({
      key: parameter!.key,
      type: type === Event_Type.TYPE_DELETE ? 'delete' : 'put',
      revision: at,
      value: type === Event_Type.TYPE_DELETE ? '' : recordedValue(parameter!.key, parameter!.value),
      previous: previous && before(previous),
    }),
  );
  return { atMs, kind: known, revision, events: told };
}

function before({ key, value, revision }: Parameter): WatchedEvent['previous'] {
  return { value: recordedValue(key, value), revision };
}
