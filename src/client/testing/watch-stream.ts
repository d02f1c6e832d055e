import type { Event } from '../../../gen/parameter/v1/parameter.ts';
import {
  WatchResponse_Kind as Kind,
  type WatchRequest,
  WatchResponse,
} from '../../../gen/parameter/v1/parameter_service.ts';
import { failure } from './failure.ts';
import type { History } from './history.ts';

const SNAPSHOT_PART_MAX = 1000;

/**
 * The responses of one Watch: each revision by itself, and progress as soon as the reader waits, for no time passes
 * here. A reader that has not taken what is then compacted learns it as REVISION_COMPACTED.
 * @param broken throws once the stream is to end
 */
export async function* watchStream(
  history: History,
  request: WatchRequest,
  broken: () => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchResponse, void, undefined> {
  const { startRevision, sendInitial, includePrevious } = request;
  const selects = selectorOf(request);
  let position = startRevision === 0n ? history.head : startRevision - 1n;
  let greeted = false;
  if (sendInitial && (startRevision === 0n || obstacle(history, startRevision) !== undefined)) {
    position = history.head;
    yield* snapshot(history, selects);
    greeted = true;
  }
  for (;;) {
    broken();
    signal?.throwIfAborted();
    const lost = obstacle(history, position + 1n);
    if (lost !== undefined) throw lost;
    const changes = nextChanges(history, position, selects);
    if (changes !== undefined) {
      position = changes.revision;
      yield responseOf(Kind.KIND_CHANGES, position, includePrevious ? changes.events : changes.events.map(bare));
    } else if (position < history.head || !greeted) {
      position = history.head;
      yield responseOf(Kind.KIND_PROGRESS, position);
    } else await history.moved(signal);
    greeted = true;
  }
}

/** Why the changes from this revision on cannot be had. */
export function obstacle(history: History, startRevision: bigint): Error | undefined {
  const { head, compactRevision } = history;
  if (startRevision > head + 1n) return revisionLost(startRevision, head);
  if (startRevision > compactRevision) return undefined;
  return revisionCompacted(startRevision, compactRevision + 1n);
}

export function revisionLost(requested: bigint, head: bigint): Error {
  const what = `revision ${requested} is not in this store, or was lost in a failover; the newest is ${head}`;
  return failure('REVISION_LOST', {}, `${what}: list again, or watch with send_initial`);
}

export function revisionCompacted(requested: bigint, oldestRevision: bigint): Error {
  const what = `revision ${requested} is compacted, the oldest one kept is ${oldestRevision}`;
  const metadata = { oldestRevision: String(oldestRevision) };
  return failure('REVISION_COMPACTED', metadata, `${what}: list again, or watch with send_initial`);
}

function selectorOf({ keys, prefixes }: WatchRequest): (key: string) => boolean {
  const single = new Set(keys);
  return (key) => single.has(key) || prefixes.some((prefix) => key.startsWith(prefix));
}

function* snapshot(history: History, selects: (key: string) => boolean): Generator<WatchResponse> {
  const revision = history.head;
  const events = history.sorted(selects).map((parameter): Event => {
    return { type: 1, parameter, previous: undefined, revision: parameter.revision };
  });
  for (let at = 0; at < events.length; at += SNAPSHOT_PART_MAX) {
    yield responseOf(Kind.KIND_INITIAL, 0n, events.slice(at, at + SNAPSHOT_PART_MAX));
  }
  yield responseOf(Kind.KIND_INITIAL_COMPLETE, revision);
}

function nextChanges(history: History, after: bigint, selects: (key: string) => boolean) {
  for (let revision = after + 1n; revision <= history.head; revision++) {
    const events = history.eventsAt(revision).filter(({ parameter }) => selects(parameter!.key));
    if (events.length > 0) return { revision, events };
  }
  return undefined;
}

function bare(event: Event): Event {
  return { ...event, previous: undefined };
}

function responseOf(kind: Kind, revision: bigint, events: readonly Event[] = []): WatchResponse {
  return WatchResponse.create({ kind, revision, events: [...events] });
}
