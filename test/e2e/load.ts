import { expect } from 'chai';
import type { Freshness } from '../../gen/parameter/v1/freshness.ts';
import { Value } from '../../gen/parameter/v1/parameter.ts';
import { msOfDuration } from '../../src/client/duration.ts';
import { ParamdRpcError } from '../../src/client/rpc-error.ts';
import { repeating } from './eventually.ts';
import { int, intOf, type Rpc } from './rpc.ts';
import { query } from './watch-checker.ts';

/** Z: the default bound of replicas. */
const BOUND_MS = 500;
/** Between the clocks of this process and of a replica elsewhere, and for timers' grain. */
const GRAIN_MS = 2;
const KEYS_PER_WRITER = 40;

interface Acknowledged {
  readonly value: number;
  readonly atMs: number;
}

interface Answer {
  readonly key: string;
  /** 0: not found. */
  readonly value: number;
  readonly startedAtMs: number;
  readonly freshness: Freshness;
}

export interface LoadOptions {
  /** Each has a writer of its own keys. */
  readonly writers: readonly Rpc[];
  readonly readers: readonly Rpc[];
  readonly databaseUrl: string;
}

/**
 * Writers and readers whose answers are all checked. Each key has one writer, which counts up, so an answer tells which
 * writes it reflects.
 */
export class Load {
  readonly answers: Answer[] = [];
  readonly readFailures: ParamdRpcError[] = [];
  readonly writeFailures: ParamdRpcError[] = [];
  /** How long each write took, and when it ended. */
  readonly writes: { readonly atMs: number; readonly ms: number }[] = [];
  readonly #acknowledged = new Map<string, Acknowledged[]>();
  readonly #running: { stop(): Promise<void> }[] = [];
  readonly #options: LoadOptions;
  readonly #prefix: string;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#prefix = `load:${Math.random().toString(36).slice(2, 8)}`;
    for (const [at, writer] of options.writers.entries()) this.#running.push(this.#write(at, writer));
    for (const reader of options.readers) this.#running.push(this.#read(reader), this.#read(reader));
  }

  /** When nothing goes on any more, every answer is checked. */
  async stop(): Promise<void> {
    await Promise.all(this.#running.map((each) => each.stop()));
    await this.#check();
  }

  /** Whatever became of it. Idempotent. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#running.map((each) => each.stop()));
  }

  get unflagged(): readonly Answer[] {
    return this.answers.filter(({ freshness }) => !freshness.degraded);
  }

  get degraded(): readonly Answer[] {
    return this.answers.filter(({ freshness }) => freshness.degraded);
  }

  /** Of the writes that ended in that time. */
  writeMs(share: number, sinceMs = 0, untilMs = Number.POSITIVE_INFINITY): number {
    const times = this.writes.filter(({ atMs }) => atMs >= sinceMs && atMs <= untilMs).map(({ ms }) => ms);
    return times.sort((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN;
  }

  #write(at: number, writer: Rpc) {
    return repeating(async (count) => {
      const key = `${this.#prefix}:${at}:${count % KEYS_PER_WRITER}`;
      const startedAtMs = performance.now();
      // With its request id until it is acknowledged, as a client does: only so the count goes up one by one.
      for (;;) {
        try {
          await writer.set({ key, value: int(count + 1), requestId: `${this.#prefix}:${at}:${count}` });
          break;
        } catch (error) {
          if (!(error instanceof ParamdRpcError) || error.retryAfterMs === undefined) throw error;
          this.writeFailures.push(error);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      const atMs = performance.now();
      this.writes.push({ atMs, ms: atMs - startedAtMs });
      const before = this.#acknowledged.get(key) ?? [];
      this.#acknowledged.set(key, [...before, { value: count + 1, atMs }]);
    });
  }

  #read(reader: Rpc) {
    return repeating(async () => {
      const writer = Math.floor(Math.random() * this.#options.writers.length);
      const key = `${this.#prefix}:${writer}:${Math.floor(Math.random() * KEYS_PER_WRITER)}`;
      const startedAtMs = performance.now();
      const answer = await reader.get({ key }, 2000).catch((error: ParamdRpcError) => error);
      const freshness = answer instanceof ParamdRpcError ? answer.details.freshness : answer.freshness;
      if (freshness === undefined) {
        this.readFailures.push(answer as ParamdRpcError);
        await new Promise((resolve) => setTimeout(resolve, 10));
        return;
      }
      const value = answer instanceof ParamdRpcError ? 0 : intOf(answer.parameter)!;
      this.answers.push({ key, value, startedAtMs, freshness });
    });
  }

  async #check(): Promise<void> {
    const history = await this.#history();
    for (const answer of this.answers) {
      const { key, value, startedAtMs, freshness } = answer;
      const told = `${key} = ${value} at ${freshness.revision}, read at ${startedAtMs.toFixed(0)}`;
      const atRevision = history.get(key)?.findLast(({ revision }) => revision <= freshness.revision)?.value ?? 0;
      expect(value, `C3: all changes up to freshness.revision are reflected: ${told}`).to.equal(atRevision);
      const ageMs = msOfDuration(freshness.stalenessBound!);
      const bound = this.#dueAt(key, startedAtMs - ageMs);
      expect(value >= bound, `its age is true: ${told}, ${ageMs} ms old, ${bound} was there`).to.equal(true);
      if (freshness.degraded) continue;
      const due = this.#dueAt(key, startedAtMs - BOUND_MS);
      expect(value >= due, `C5: not flagged and older than ${BOUND_MS} ms: ${told}, ${due} was due`).to.equal(true);
    }
    for (const [key, acknowledged] of this.#acknowledged) {
      const kept = new Set(history.get(key)?.map((written) => written.value));
      const lost = acknowledged.filter((each) => !kept.has(each.value));
      expect(lost, `C8: acknowledged and lost: ${key}`).to.deep.equal([]);
      expect(kept.size, `C8: done twice: ${key}`).to.equal(history.get(key)!.length);
    }
  }

  /** The newest value that was acknowledged by then. */
  #dueAt(key: string, atMs: number): number {
    return this.#acknowledged.get(key)?.findLast((each) => each.atMs <= atMs - GRAIN_MS)?.value ?? 0;
  }

  /** Of each key, as the store's log has it. */
  async #history(): Promise<Map<string, { revision: bigint; value: number }[]>> {
    const rows = await query<{ revision: string; key: string; value: Buffer }>(
      this.#options.databaseUrl,
      `SELECT revision, key, value FROM paramd.change WHERE key LIKE '${this.#prefix}:%' ORDER BY revision`,
    );
    const history = new Map<string, { revision: bigint; value: number }[]>();
    for (const { revision, key, value } of rows) {
      const written = { revision: BigInt(revision), value: intOf({ value: Value.decode(value) })! };
      history.set(key, [...(history.get(key) ?? []), written]);
    }
    return history;
  }
}
