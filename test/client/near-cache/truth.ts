import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { NearCache, ReadDetail } from '../../../src/client/index.ts';

export interface Acknowledged {
  readonly value: bigint;
  readonly revision: bigint;
  /** Of the machine's monotonic clock, which all threads share. */
  readonly atNs: bigint;
}

interface Sample extends ReadDetail<number> {
  readonly atNs: bigint;
}

/** A counter that is written all the time, and what a near cache says of it, to be held against each other. */
export class Truth {
  readonly #worker: Worker;
  readonly #key: string;
  readonly #acknowledged: Acknowledged[] = [];
  readonly #samples: Sample[] = [];
  #ended: Promise<unknown>;

  constructor(target: string, key: string) {
    this.#key = key;
    this.#worker = new Worker(new URL('./counter-writer.ts', import.meta.url), { workerData: { target, key } });
    this.#worker.on('message', (acknowledged: Acknowledged) => this.#acknowledged.push(acknowledged));
    this.#ended = once(this.#worker, 'exit');
  }

  get written(): number {
    return this.#acknowledged.length;
  }

  /** Reads, for the record. */
  sample(cache: NearCache): ReadDetail<number> {
    // First the clock: what follows is at least as late.
    const atNs = process.hrtime.bigint();
    const detail = cache.detail('number', this.#key, 0);
    this.#samples.push({ ...detail, atNs });
    return detail;
  }

  async stop(): Promise<void> {
    this.#worker.postMessage('stop');
    await this.#ended;
  }

  /** No bound was below the age of the write that replaced what was read. Call it after `stop`. */
  check(): void {
    const acknowledgedAtNs = new Map(this.#acknowledged.map(({ value, atNs }) => [Number(value), atNs]));
    expect(this.#samples.length, 'samples').to.be.above(100);
    for (const { value, stalenessBoundMs, atNs, degraded } of this.#samples) {
      const replacedAtNs = acknowledgedAtNs.get(value + 1);
      const staleMs = replacedAtNs === undefined ? 0 : Number(atNs - replacedAtNs) / 1e6;
      if (stalenessBoundMs === undefined) expect(degraded).to.equal(true);
      else expect(stalenessBoundMs, `bound of ${value}`).to.be.at.least(staleMs);
    }
  }
}
