// Problem: a stream ends when a connection or a replica does, and its reader must neither miss a change nor see one
// twice. Naive answer: open it again "from now on", which loses what happened in between. Chosen answer: the loop that
// parameter_service.proto names at `rpc Watch`: remember the last revision of which nothing more is to come, and open
// the next stream behind it; a snapshot that broke off is begun anew, so it is only handed out when it is whole.
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { Event, Parameter } from '../../gen/parameter/v1/parameter.ts';
import type { WatchRequest, WatchResponse } from '../../gen/parameter/v1/parameter_service.ts';
import { WatchResponse_Kind as Kind } from '../../gen/parameter/v1/parameter_service.ts';
import { durationOfMs } from './duration.ts';
import { isWayBroken, ParamdRpcError } from './rpc-error.ts';

/** Keys and prefixes, 1 to 100 together; the prefix '' is everything. */
export interface WatchSelection {
  readonly keys?: readonly string[];
  readonly prefixes?: readonly string[];
}

export interface WatchSettings {
  /** The first revision to deliver; by default from now on. */
  readonly fromRevision?: bigint | undefined;
  /**
   * A snapshot first, and again whenever the changes since the last revision are compacted or lost. Without it the watch
   * then ends with that error, for nothing else would be true.
   */
  readonly initial?: boolean | undefined;
  /** Events tell what was there before. */
  readonly previous?: boolean | undefined;
  readonly progressIntervalMs?: number | undefined;
  /** Told of the parameters that came so far, as the parts of a snapshot arrive. */
  readonly onLoading?: ((parameters: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told whenever the stream broke and will be opened again. Aborting the signal in it ends the watch instead. */
  readonly onBroken?: ((error: ParamdRpcError, retryInMs: number) => void) | undefined;
}

export type WatchItem =
  /** The whole state as of `revision`: it replaces all that came before. In the order of keys. */
  | { readonly kind: 'snapshot'; readonly parameters: readonly Parameter[]; readonly revision: bigint }
  /** Whole revisions, in order; nothing up to `revision` is still to come. */
  | { readonly kind: 'changes'; readonly events: readonly Event[]; readonly revision: bigint }
  /** Nothing changed here up to `revision`. The first item tells where a watch without snapshot begins. */
  | { readonly kind: 'progress'; readonly revision: bigint };

/**
 * Opens one stream. A patient one waits until there is a connection, which the channel tries for with a backoff of its
 * own, and so begins as soon as there is one; another one fails at once and says why there is none.
 */
export type OpenWatch = (request: WatchRequest, patient: boolean) => AsyncIterable<WatchResponse>;

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 10_000;
/** Whatever a server asks for: a timer takes more than 24 days for none at all. */
const RETRY_AFTER_MS_MAX = 60_000;

/**
 * Opens a stream, and another one behind what came whenever it breaks.
 * @param pause until the next one may be opened
 * @throws ParamdRpcError when opening again would not help; the signal's reason if it aborts
 */
export async function* resumingWatch(
  open: OpenWatch,
  selection: WatchSelection,
  settings: WatchSettings,
  pause: (ms: number, signal: AbortSignal | undefined) => Promise<unknown> = sleepUnlessAborted,
): AsyncGenerator<WatchItem, void, undefined> {
  let nextRevision = settings.fromRevision ?? 0n;
  for (let failures = 0, first = true; ; failures++, first = false) {
    let broken = new ParamdRpcError(status.UNAVAILABLE, 'the watch ended without an error');
    try {
      const initial: Parameter[] = [];
      for await (const response of open(requestOf(selection, settings, nextRevision), !first)) {
        failures = 0;
        if (response.kind === Kind.KIND_INITIAL) {
          for (const { parameter } of response.events) if (parameter !== undefined) initial.push(parameter);
          settings.onLoading?.(initial.length);
          continue;
        }
        const item = itemOf(response, initial);
        if (item === undefined || isKnown(item, nextRevision)) continue;
        nextRevision = response.revision + 1n;
        yield item;
      }
    } catch (error) {
      if (!(error instanceof ParamdRpcError) || !opensAgain(error, settings.initial === true)) throw error;
      broken = error;
    }
    const askedMs = Math.min(broken.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX);
    const retryInMs = Math.max(askedMs, jittered(failures));
    settings.onBroken?.(broken, retryInMs);
    settings.signal?.throwIfAborted();
    await pause(retryInMs, settings.signal);
  }
}

/** From a replica that is behind the one before. A snapshot is never known: it may be of another history. */
function isKnown({ kind, revision }: WatchItem, nextRevision: bigint): boolean {
  if (kind === 'snapshot') return false;
  return revision < (kind === 'changes' ? nextRevision : nextRevision - 1n);
}

function requestOf(selection: WatchSelection, settings: WatchSettings, startRevision: bigint): WatchRequest {
  return {
    keys: [...(selection.keys ?? [])],
    prefixes: [...(selection.prefixes ?? [])],
    startRevision,
    sendInitial: settings.initial ?? false,
    includePrevious: settings.previous ?? false,
    progressInterval: settings.progressIntervalMs === undefined ? undefined : durationOfMs(settings.progressIntervalMs),
  };
}

function itemOf({ kind, events, revision }: WatchResponse, initial: Parameter[]): WatchItem | undefined {
  switch (kind) {
    case Kind.KIND_INITIAL_COMPLETE:
      return { kind: 'snapshot', parameters: initial.splice(0), revision };
    case Kind.KIND_CHANGES:
      return { kind: 'changes', events, revision };
    case Kind.KIND_PROGRESS:
      return { kind: 'progress', revision };
    default:
      return undefined;
  }
}

/** Whether the next stream can go on where this one broke. */
function opensAgain(error: ParamdRpcError, initial: boolean): boolean {
  if (isWayBroken(error)) return true;
  switch (error.code) {
    case status.UNAVAILABLE:
      return true;
    case status.OUT_OF_RANGE:
    case status.DATA_LOSS:
      return initial;
    case status.RESOURCE_EXHAUSTED:
      return error.retryAfterMs !== undefined;
    default:
      return false;
  }
}

function sleepUnlessAborted(ms: number, signal: AbortSignal | undefined): Promise<unknown> {
  return sleep(ms, undefined, { signal }).catch(() => signal?.throwIfAborted());
}

/** Full jitter, so that the readers of a replica that went away do not come to the next one all at once. */
function jittered(failures: number): number {
  return Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures, 20));
}
