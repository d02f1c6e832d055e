import type { Revision } from '../../model/revision.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { within } from '../waiting.ts';
import type { Tailer } from '../watch/tailer.ts';
import type { Lease } from './lease.ts';
import { callerError, type Need, revisionLost, tooLate } from './need.ts';

/** Shows that what is held at `applied` is good enough for a read, or makes it so. */
export class Proof {
  readonly #lease: Lease;
  readonly #tailer: Tailer;
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;

  constructor(lease: Lease, tailer: Tailer, clock: Clock, telemetry: Telemetry) {
    this.#lease = lease;
    this.#tailer = tailer;
    this.#clock = clock;
    this.#telemetry = telemetry;
  }

  holds(need: Need): boolean {
    return this.reflects(need) && this.#lease.provenSince(need.sinceMs);
  }

  reflects(need: Need): boolean {
    return this.#tailer.applied >= need.atLeast && !this.seemsLost(need);
  }

  /**
   * Has a failover skipped this number, by what is known here? Then the greater ones after it do not reflect it. A later
   * failover may tell otherwise: the caller may have heard of it elsewhere, before this replica.
   */
  seemsLost({ atLeast }: Need): boolean {
    return atLeast > 0n && this.#tailer.history.isLost(atLeast);
  }

  /** C2, for what the store said as of `head`, later than the call. @throws ParamdError REVISION_LOST, CONSISTENCY_NOT_MET */
  refuseLost(need: Need, head: Revision): void {
    const { atLeast } = need;
    if (head < atLeast) throw revisionLost(atLeast, head);
    if (!this.seemsLost(need)) return;
    if (!this.#lease.provenSince(need.callStartedAtMs)) throw this.late(need);
    throw revisionLost(atLeast, head);
  }

  /**
   * Waits until it holds.
   * @throws ParamdError STORE_UNREACHABLE, CONSISTENCY_NOT_MET, REVISION_LOST, CANCELLED
   */
  async establish(need: Need): Promise<void> {
    if (!need.linearizable && !this.#lease.provenSince(need.sinceMs)) this.#telemetry.add('lease_lapses');
    while (!this.holds(need)) {
      if (this.#tailer.applied < need.atLeast) await this.#reach(need.atLeast, need);
      else if (this.seemsLost(need)) await this.#learnWhetherLost(need);
      await this.#prove(need.sinceMs, need);
    }
  }

  /** By the history that the store had after the call began. */
  async #learnWhetherLost(need: Need): Promise<void> {
    // As for one beyond the head: no degraded answer would do until then.
    await this.#prove(need.callStartedAtMs, { ...need, deadlineAtMs: need.callDeadlineAtMs });
    this.refuseLost(need, this.#tailer.applied);
  }

  async #prove(sinceMs: number, need: Need): Promise<void> {
    const patience = { deadlineAtMs: need.deadlineAtMs, signal: need.call.signal };
    const proven = await this.#tailer.proven(sinceMs, patience).catch((error: unknown) => {
      throw callerError(error);
    });
    if (proven === 'late') throw this.late(need);
  }

  /** @param awaited what did not come in time, where the caller did not ask for a revision that is missing */
  late(need: Need, awaited = 'proof of freshness'): Error {
    const wanted = need.atLeast > this.#tailer.applied ? `revision ${need.atLeast}` : awaited;
    return tooLate(this.#tailer.storeReachable, this.#tailer.applied, wanted);
  }

  /** C2: waits for the revision; one beyond the head of a poll begun after the call arrived does not exist. */
  async #reach(revision: Revision, need: Need): Promise<void> {
    // No degraded answer would do until then: so it may take as long as the caller has.
    const patience = { deadlineAtMs: need.callDeadlineAtMs, signal: need.call.signal };
    // First, because nobody may wait for what never comes: such waits would pile up.
    const head = await within(this.#tailer.head(need.callStartedAtMs), this.#clock, patience).catch(
      (error: unknown) => {
        throw callerError(error);
      },
    );
    if (head === 'late') throw this.late(need);
    if (head.revision < revision) {
      // Of a server that is not believed: it says nothing of this history.
      if (head.epoch.id !== this.#tailer.history.epoch.id) throw this.late(need);
      throw revisionLost(revision, head.revision);
    }
    if ((await within(this.#tailer.reached(revision), this.#clock, patience)) === 'late') throw this.late(need);
  }
}
