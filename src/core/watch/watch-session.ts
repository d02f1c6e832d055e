import { type Failure, ParamdError } from '../../model/errors.ts';
import type { Revision } from '../../model/revision.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import type { Call, Watch, WatchBatch, WatchSpec } from '../api.ts';
import { callerError, needOf, revisionLost } from '../cache/need.ts';
import type { Proof } from '../cache/proof.ts';
import type { Listing } from '../listing.ts';
import { within } from '../waiting.ts';
import type { WatchHub } from './hub.ts';
import { snapshot } from './snapshot.ts';
import type { Tailer } from './tailer.ts';
import { Watcher } from './watcher.ts';

/** To find out where a watch begins. */
const OPENING_MS_MAX = 5_000;

export interface WatchSessionOptions {
  readonly hub: WatchHub;
  readonly tailer: Tailer;
  readonly listing: Listing;
  readonly proof: Proof;
  readonly clock: Clock;
  readonly queueBytesMax: number;
  /** Called once, when the watch is over. */
  readonly closed: () => void;
}

/** One call of Watch: finds out where it begins, sends a snapshot if asked, then follows the log until it is closed. */
export class WatchSession implements Watch {
  readonly #options: WatchSessionOptions;
  readonly #spec: WatchSpec;
  readonly #call: Call;
  readonly #left = new AbortController();
  readonly #opening: AsyncGenerator<WatchBatch, void>;
  #watcher: Watcher | undefined;
  #progressTimer: Timer | undefined;

  constructor(spec: WatchSpec, call: Call, options: WatchSessionOptions) {
    this.#options = options;
    this.#spec = spec;
    this.#call = call;
    this.#opening = this.#open();
    if (call.signal.aborted) this.close();
    else call.signal.addEventListener('abort', () => this.close(), { once: true });
  }

  next(): Promise<WatchBatch> {
    const patience = { deadlineAtMs: Number.POSITIVE_INFINITY, signal: this.#left.signal };
    const next = this.#next().catch((error: unknown) => {
      throw callerError(error);
    });
    return within(next, this.#options.clock, patience) as Promise<WatchBatch>;
  }

  close(): void {
    if (this.#left.signal.aborted) return;
    this.#left.abort();
    this.#options.closed();
    this.#progressTimer?.cancel();
    if (this.#watcher === undefined) return;
    this.#options.hub.remove(this.#watcher);
    this.#watcher.end(new ParamdError({ reason: 'CANCELLED' }));
  }

  async #next(): Promise<WatchBatch> {
    if (this.#watcher === undefined) {
      const opened = await this.#opening.next();
      if (!opened.done) return opened.value;
    }
    const batch = this.#watcher!.next();
    this.#options.hub.drained(this.#watcher!);
    return batch;
  }

  async *#open(): AsyncGenerator<WatchBatch, void> {
    const { tailer, proof, clock, listing } = this.#options;
    const { startRevision, sendInitial } = this.#spec;
    const deadlineAtMs = clock.monotonicMs() + OPENING_MS_MAX;
    const call = { ...this.#call, signal: this.#left.signal, deadlineAtMs };
    // "Now", and what is compacted now, are no earlier than the call.
    await proof.establish(needOf({ linearizable: true }, call, 0));
    const obstacle = startRevision === 0n ? undefined : this.#obstacle(startRevision);
    if (obstacle !== undefined && !sendInitial) throw new ParamdError(obstacle);
    if (sendInitial && (startRevision === 0n || obstacle !== undefined)) {
      const { revision, epoch } = yield* snapshot(listing, this.#spec);
      // The snapshot takes its time; what it told may be lost by now.
      if (tailer.history.isLost(revision, epoch)) throw revisionLost(revision, tailer.applied);
      this.#follow(revision, true);
    } else this.#follow(startRevision === 0n ? tailer.applied : startRevision - 1n, false);
  }

  /** Why the changes from this revision on cannot be had. `applied` is the head of a read begun after the call. */
  #obstacle(startRevision: Revision): Failure | undefined {
    const { tailer } = this.#options;
    const seen = startRevision - 1n;
    if (seen > tailer.applied || tailer.history.isLost(seen))
      return revisionLost(startRevision, tailer.applied).failure;
    if (seen >= tailer.compactRevision) return undefined;
    return { reason: 'REVISION_COMPACTED', requested: startRevision, oldestRevision: tailer.compactRevision + 1n };
  }

  #follow(position: Revision, greeted: boolean): void {
    if (this.#left.signal.aborted) throw new ParamdError({ reason: 'CANCELLED' });
    const { hub, tailer, queueBytesMax } = this.#options;
    const { keys, prefixes, includePrevious } = this.#spec;
    const filter = { keys: [...new Set(keys)], prefixes: [...new Set(prefixes)] };
    this.#watcher = new Watcher({ filter, includePrevious, queueBytesMax, position, greeted });
    hub.add(this.#watcher);
    tailer.hurry();
    this.#reportProgress(this.#watcher);
  }

  /** Only if the revision moved on without an event for this watch. */
  #reportProgress(watcher: Watcher): void {
    const { clock, hub } = this.#options;
    this.#progressTimer = clock.setTimer(this.#spec.progressIntervalMs, () => {
      const position = hub.positionOf(watcher);
      if (position > watcher.handed) {
        watcher.progress(position);
        watcher.flush();
      }
      if (!this.#left.signal.aborted) this.#reportProgress(watcher);
    });
  }
}
