import type { Head, Revision } from '../../model/revision.ts';
import type { Clock } from '../../ports/clock.ts';

/** Head reads that wait for the tailer; more are of no use. */
const PENDING_MAX = 16;

interface PendingProof {
  readonly startedAtMs: number;
  /** Wall clock minus monotonic clock when it started. */
  readonly wallOffsetMs: number;
  readonly head: Revision;
  readonly batchId: string;
}

/**
 * How long the near cache may answer without new proof (C5).
 *
 * A head read that began at p and found h proves: what is visible at revision h was current at p or later. Once the
 * tailer has applied h, everything in the near cache is thereby proven as of p. The lease is the newest such p. It lives
 * on this replica's monotonic clock alone; that clock may stand still while the machine sleeps, so a wall clock that ran
 * ahead of it adds to the age. A wall clock can thus end the lease and never extend it.
 */
export class Lease {
  readonly #clock: Clock;
  #provenAtMs = Number.NEGATIVE_INFINITY;
  #wallOffsetMs = 0;
  #pending: PendingProof[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Take it before the head read is sent, and give it to `observe` with the answer. */
  mark(): ProofStart {
    const atMs = this.#clock.monotonicMs();
    return { atMs, wallOffsetMs: this.#clock.wallMs() - atMs };
  }

  /** @returns false if the head is at `applied` but of another batch: the logs have parted */
  observe(start: ProofStart, head: Head, applied: Revision, appliedBatchId: string): boolean {
    const proof = {
      startedAtMs: start.atMs,
      wallOffsetMs: start.wallOffsetMs,
      head: head.revision,
      batchId: head.batchId,
    };
    if (proof.head > applied) {
      // Keep what can still become the newest proof: later start, or lower head.
      this.#pending = this.#pending.filter((other) => other.startedAtMs > proof.startedAtMs || other.head < proof.head);
      if (this.#pending.length < PENDING_MAX) this.#pending.push(proof);
      return true;
    }
    if (proof.head === applied && proof.batchId !== appliedBatchId) return false;
    this.#prove(proof);
    return true;
  }

  /** The tailer has applied up to here. @returns as `observe` */
  advance(applied: Revision, appliedBatchId: string): boolean {
    if (this.#pending.length === 0) return true;
    const reached = this.#pending.filter((proof) => proof.head <= applied);
    if (reached.length === 0) return true;
    this.#pending = this.#pending.filter((proof) => proof.head > applied);
    let agreed = true;
    for (const proof of reached) {
      if (proof.head === applied && proof.batchId !== appliedBatchId) agreed = false;
      else this.#prove(proof);
    }
    return agreed;
  }

  /** Is everything applied proven to have been current at a moment no earlier than `sinceMs`? */
  provenSince(sinceMs: number): boolean {
    return this.#provenAtMs - this.#sleptMs() >= sinceMs;
  }

  /** How long ago the newest proof began. Infinity: there is none. */
  ageMs(): number {
    return this.#clock.monotonicMs() - this.#provenAtMs + this.#sleptMs();
  }

  /** Did the machine sleep since? An answer that was awaited meanwhile is as old as that. */
  sleptSince({ wallOffsetMs }: ProofStart): boolean {
    return this.#clock.wallMs() - this.#clock.monotonicMs() - wallOffsetMs > SLEEP_NOTICED_MS;
  }

  /** Is there a head read that the tailer has not reached? */
  get isPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Nothing is proven any more. */
  void(): void {
    this.#provenAtMs = Number.NEGATIVE_INFINITY;
    this.#pending = [];
  }

  #prove(proof: PendingProof): void {
    if (proof.startedAtMs <= this.#provenAtMs) return;
    this.#provenAtMs = proof.startedAtMs;
    this.#wallOffsetMs = proof.wallOffsetMs;
  }

  /** How far the wall clock ran ahead of the monotonic one since the proof, if it is more than drift can be. */
  #sleptMs(): number {
    const offsetMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    if (offsetMs < this.#wallOffsetMs) this.#wallOffsetMs = offsetMs;
    const aheadMs = offsetMs - this.#wallOffsetMs;
    return aheadMs > SLEEP_NOTICED_MS ? aheadMs : 0;
  }
}

/** Clock rates differ by less over any lease; NTP slews by less too. */
const SLEEP_NOTICED_MS = 100;

export interface ProofStart {
  readonly atMs: number;
  readonly wallOffsetMs: number;
}
