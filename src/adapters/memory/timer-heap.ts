import type { Timer } from '../../ports/clock.ts';

interface Pending {
  readonly dueMs: number;
  /** Timers that are due at the same moment run in the order in which they were set. */
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Timers by the moment at which they are due: a binary heap. What is cancelled stays until its turn comes. */
export class TimerHeap {
  readonly #heap: Pending[] = [];
  #order = 0;

  add(dueMs: number, run: () => void): Timer {
    const pending: Pending = { dueMs, order: this.#order++, run, cancelled: false };
    this.#rise(pending);
    return {
      cancel: () => {
        pending.cancelled = true;
      },
    };
  }

  /** Infinity: there is none. */
  get firstDueMs(): number {
    while (this.#heap[0]?.cancelled) this.#removeFirst();
    return this.#heap[0]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** Undefined: there is none. */
  takeFirst(): { readonly dueMs: number; readonly run: () => void } | undefined {
    while (this.#heap[0]?.cancelled) this.#removeFirst();
    return this.#removeFirst();
  }

  #rise(pending: Pending): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, pending)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = pending;
  }

  #removeFirst(): Pending | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    return first;
  }

  /** Fills the place of the first. */
  #sink(pending: Pending): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (isBefore(pending, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = pending;
  }
}

function isBefore(one: Pending, other: Pending): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
